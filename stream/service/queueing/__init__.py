"""What happens when tasks arrive faster than one is trained: waiting, queues, workers, policies.

A discrete-event simulation with a simulated clock: training times are numbers that were measured, nobody
waits. A worker trains one task at a time and finishes what it started; a task never changes its worker. Every
worker is as fast as the machine of the recording. Formulas of queueing theory stand in `theory`, apart from
the simulation that is checked against them.
"""
