"""The paper's studies, each a command that resumes, writes to the database of runs, and draws its figures."""
