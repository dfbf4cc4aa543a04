"""The parts of the dashboard beside the heat map; each is a pure function from a state to lines."""

from collections import Counter
from collections.abc import Sequence

from rich.text import Text

from db.records import Regime, RunStatus
from stream.display.chart import growth_chart
from stream.display.estimate import seconds_left
from stream.display.heatmap import data_of
from stream.display.progress import candidate_fields
from stream.display.state import CurrentArrival, StreamState
from stream.display.text import Lines, bar, between, fields, heading, line, sparkline, wrapped_fields
from stream.results.comparisons import ProofStatus
from stream.words import (
    DATA_TAGS,
    class_words,
    duration,
    factor,
    percent,
    plural,
    rough_duration,
    signed_forgetting,
)

ENDS = {
    RunStatus.FINISHED: ("finished", "bold green"),
    RunStatus.INTERRUPTED: ("interrupted", "bold yellow"),
    RunStatus.FAILED: ("failed", "bold red"),
}


def header(state: StreamState, width: int, now: float) -> Lines:
    """Two lines: what runs and where its data comes from; how far it is."""
    run = state.run
    others = [word for word in (run.suite, run.method) if word not in run.name]  # the default name has both
    left = fields([Text(run.name, "bold"), *others, run.backbone], width)
    first = between(left, provenance(state), width)
    status = progress_text(state, now, width)
    room = width - status.cell_len - 2
    if room < 8:
        return [first, status]
    done = state.num_finished / max(1, state.num_tasks)
    full = min(room, round(done * room))
    rule = Text.assemble(("━" * full, "green"), ("─" * (room - full), "dim"))
    return [first, line(rule, "  ", status, width=width)]


def provenance(state: StreamState) -> Text:
    """Count tasks by where their data comes from; simulated ones come first and in reverse video."""
    counts = Counter(task.data for task in state.tasks)
    current = state.current
    if current is not None and current.position >= len(state.tasks) and current.data:
        counts[current.data] += 1
    parts: list[Text] = []
    if counts["simulated"]:
        num_known = counts.total()
        parts.append(Text(f" SIMULATED DATA: {counts['simulated']:,} of {num_known:,} ", "bold reverse"))
    parts += [Text(f"{counts['partial']:,} partial", "yellow")] if counts["partial"] else []
    parts += [Text(f"{counts['real']:,} real")] if counts["real"] else []
    return fields(parts, 60)


def progress_text(state: StreamState, now: float, width: int) -> Text:
    """How many tasks are learned, for how long, and roughly how much longer."""
    learned = f"{state.num_finished:,} of {plural(state.num_tasks, 'task')}"
    if state.ended_at is not None:
        word, style = ENDS.get(state.run.status, (state.run.status.value, ""))
        return fields([Text(word, style), learned, f"{duration(work_seconds(state))} of work"], width)
    parts: list[Text | str] = [learned, duration(now - state.started_at)]
    left = seconds_left(state, now)
    parts += [] if left is None else [f"{rough_duration(left)} left"]
    return fields(parts, width)


def work_seconds(state: StreamState) -> float:
    """Time spent training and re-evaluating, over all sittings; what other runs trained is left out."""
    trained = (task.seconds or 0.0 for task in state.tasks if not task.is_taken_over)
    current = state.current
    begun = current.epochs if current is not None and current.position >= len(state.tasks) else ()
    return sum((*trained, *(epoch.seconds for epoch in begun)), state.evaluation_seconds)


def now_lines(state: StreamState, width: int) -> Lines:
    """Two or three lines on the arrival under way, what does not fit left out; at most one after the end."""
    return [fields(parts, width) for parts in _now(state)]


def now_panel(state: StreamState, width: int) -> Lines:
    """The same below a heading and complete, on as many lines as it takes."""
    lines = [text for parts in _now(state) for text in wrapped_fields(parts, width)]
    return [heading("now" if state.ended_at is None else "end", width), *lines] if lines else []


def _now(state: StreamState) -> list[Sequence[Text | str]]:
    """The arrival as fields, the candidate in training, and what happens in it."""
    current = state.current
    if state.ended_at is not None:
        return [[Text(state.run.message, "red")]] if state.run.message else []
    if current is None:
        names = state.run.task_names[state.num_finished : state.num_finished + 1]
        return [[Text.assemble("next ", (name, "bold"))] for name in names]
    about = [Text.assemble((f"{current.position + 1} ", "dim"), (current.name, "bold"))]
    about += [data_word(current.data)] if current.data else []
    if current.num_train is not None and current.num_labels is not None:
        about += [Text(plural(current.num_train, "example")), Text(class_words(current.num_labels))]
    return [about, *candidate_fields(current), doing(state, current)]


def data_word(data: str) -> Text:
    """Where the data of a task comes from, in a whole word."""
    if data == "simulated":
        return Text(" SIMULATED ", "bold reverse")
    return Text(f"{data} data", "yellow" if data == "partial" else "dim")


def doing(state: StreamState, current: CurrentArrival) -> Sequence[Text | str]:
    """Say what happens in the current arrival, the most telling first."""
    if state.row or current.position < len(state.tasks):
        return [f"re-evaluating: {len(state.row):,} of {plural(current.position + 1, 'task')} done"]
    progress, epochs = current.progress, current.epochs
    parts: list[Text | str] = []
    if progress is not None:
        again = " (again, at a lower rate)" if progress.attempt else ""
        parts += [f"epoch {progress.epoch + 1} of {progress.num_epochs}{again}"]
        parts += [f"loss {progress.train_loss:.3f}"]
    elif epochs:
        parts += [f"epoch {epochs[-1].epoch + 1} done", f"loss {epochs[-1].train_loss:.3f}"]
    if epochs:
        parts += [f"valid {percent(epochs[-1].valid)} {sparkline([epoch.valid for epoch in epochs], 12)}"]
    if progress is not None:
        parts += [f"{progress.tokens_per_second:,.0f} tokens/s", f"rate {progress.learning_rate:.1e}"]
    return parts or ["preparing"]


def proof_text(state: StreamState) -> Text:
    """Say how many comparisons are equal, how many differ, and how many say nothing here."""
    proof = state.proof
    if not proof.num_expected:
        return Text("no comparison yet")
    style = {ProofStatus.FORGOTTEN: "red", ProofStatus.NOT_COMPARABLE: "yellow"}.get(proof.status, "green")
    text = Text(f"{proof.num_equal:,} of {plural(proof.num_done, 'comparison')} equal", style)
    if proof.num_different:
        text.append(f", {proof.num_different:,} differ", "bold red")
    if proof.num_not_comparable:
        text.append(f", {proof.num_not_comparable:,} not comparable", "bold yellow")
    if proof.num_done < proof.num_expected:
        text.append(f", {proof.num_expected - proof.num_done:,} to come", "dim")
    if not proof.coverage.is_full:
        text.append(f" ({proof.coverage.text}: not every task is evaluated again)", "yellow")
    return text


def forgetting_text(state: StreamState) -> Text:
    """Average forgetting after the last finished arrival; a word where it is undefined."""
    if state.run.regime is not Regime.STREAM:
        return Text("forgetting: not applicable")
    if state.forgetting is None:
        return Text("forgetting: no earlier task yet" if state.num_finished < 2 else "forgetting: unknown")
    return Text(
        f"forgetting {signed_forgetting(state.forgetting)}", "red" if state.forgetting > 0 else "green"
    )


def average_text(state: StreamState) -> Text | None:
    """Average metric of the tasks as they are served; it says how many are simulated or partial."""
    row: Sequence[float | None] = state.matrix.rows[-1] if state.matrix.rows else ()
    if state.run.regime is Regime.SEPARATE:  # each row holds its own task alone
        row = [state.matrix.newest(on) for on in range(len(row))]
    known = [(on, value) for on, value in enumerate(row) if value is not None]
    if not known:
        return None
    what = "of main metrics " if len({task.metric for task in state.tasks}) > 1 else ""
    text = Text(f"average {what}{percent(sum(value for _, value in known) / len(known))}")
    counts = Counter(state.tasks[on].data for on, _ in known if on < len(state.tasks))
    for data in ("simulated", "partial"):
        if counts[data]:
            text.append(f" ({counts[data]:,} of {len(known):,} {data})", "bold")
    return text


def growth_text(state: StreamState) -> Text | None:
    """Growth factor against one model per task; None before the first arrival, and without a backbone."""
    if not state.points or state.run.regime is Regime.SEPARATE:
        return None
    point = state.points[-1]
    text = Text(f"growth {factor(point.growth_factor)}", "cyan")
    return text.append(f" (separately {factor(point.separate_models_factor)})", "dim")


def status_lines(state: StreamState, width: int, height: int) -> Lines:
    """Forgetting, proof and growth in one line, or with more room a line for each pair of them."""
    growth, average = growth_text(state), average_text(state)
    proof = [proof_text(state), forgetting_text(state)]
    if height < 2 or growth is None:
        return [fields(proof + [text for text in (growth, average) if text], width)]
    return [fields(proof + ([average] if average else []), width), growth_line(state, growth, width)]


def growth_line(state: StreamState, growth: Text, width: int) -> Text:
    """A bar: how much of what separate models would store is stored; `growth` alone where it has no room."""
    point = state.points[-1]
    left = f"growth {factor(point.growth_factor)} "
    right = f" {factor(point.separate_models_factor)} as separate models"
    room = min(60, width - len(left) - len(right) - 2)
    if room < 8:
        return fields([growth], width)
    share = point.growth_factor / max(point.separate_models_factor, point.growth_factor)
    return line((left, "cyan"), "▕", (bar(share, room), "cyan"), "▏", (right, "dim"), width=width)


def proof_panel(state: StreamState, width: int) -> Lines:
    """Forgetting, proof and average accuracy, a line each, below a heading."""
    average = average_text(state)
    texts = [proof_text(state), forgetting_text(state), *([average] if average else [])]
    if state.proof.num_not_comparable or state.proof.num_different:
        texts.append(Text(plural(state.proof.num_changed_predictions, "changed prediction")))
    return [heading("proof", width), *(fields([text], width) for text in texts)]


def growth_panel(state: StreamState, width: int, height: int) -> Lines:
    """Growth against separate models as a chart, at most `height` lines."""
    text = growth_text(state)
    if text is None or len(state.points) < 2 or height < 5:
        return []
    chart = growth_chart(state.points, state.num_tasks, width, height - 2)
    return [heading("growth", width), fields([text], width), *chart]


def data_panel(state: StreamState, width: int) -> Lines:
    """Say what the tags mean that stand beside tasks without complete real data; [] where there are none."""
    statuses = {data_of(state, position) for position in range(state.num_arrived)}
    meanings = {
        "partial": "a part of the published data",
        "simulated": "made up here, not real data",
    }
    lines: Lines = []
    for status, meaning in meanings.items():
        if status in statuses:
            lines.append(line(DATA_TAGS[status], " " * (5 - len(DATA_TAGS[status][0])), meaning, width=width))
    return [heading("data", width), *lines] if lines else []


def notice_lines(state: StreamState, width: int, height: int) -> Lines:
    """The newest notices, wrapped, at most `height` lines."""
    lines: Lines = []
    for sentence in reversed(state.notices):
        wrapped = _wrap(f"! {sentence}", width)
        if len(lines) + len(wrapped) > height:
            break
        lines = wrapped + lines
    if not lines and state.notices and height > 0:
        return [line((f"! {state.notices[-1]}", "yellow"), width=width)]
    return lines


def _wrap(sentence: str, width: int) -> Lines:
    """Wrap at spaces; a word longer than the line ends with an ellipsis."""
    rows = [""]
    for word in sentence.split():
        if rows[-1] and len(rows[-1]) + 1 + len(word) > width:
            rows.append("  " + word)
        else:
            rows[-1] = f"{rows[-1]} {word}" if rows[-1] else word
    return [line((row, "yellow"), width=width) for row in rows]
