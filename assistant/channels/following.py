"""A job that was begun at the terminal, followed to its end."""

import threading
import time

from rich.console import Console
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn

from assistant.bootstrap import Assistant
from assistant.reply import Reply, Status
from storage import jobs
from storage.jobs import Job

LOOK_SECONDS = 0.2


def followed(assistant: Assistant, reply: Reply, progress_on: Console) -> Reply:
    """What the reply's job came to, or the reply itself where it began none.

    The job is done here, unless a service that runs was quicker to take it. Ctrl-C asks for its end.
    """
    if reply.job_id is None or reply.status is not Status.RUNNING:
        return reply
    job_id = reply.job_id
    doing = threading.Thread(target=assistant.jobs.run_one, args=(job_id,), daemon=True)
    doing.start()
    columns = (TextColumn("{task.description}"), BarColumn(), TaskProgressColumn())
    with Progress(*columns, console=progress_on, transient=True) as bar:
        task = bar.add_task(reply.reply.speech, total=1.0)
        while (job := _job(assistant, job_id)).is_open:
            try:
                bar.update(task, completed=float(job.progress), description=job.message)
                time.sleep(LOOK_SECONDS)
            except KeyboardInterrupt:
                progress_on.print("Ending it …", style="dim")
                with assistant.database.write() as connection:
                    jobs.ask_cancel(connection, job_id, assistant.clock())
    doing.join()
    return reply if job.reply is None else Reply.model_validate(job.reply)


def _job(assistant: Assistant, job_id: str) -> Job:
    with assistant.database.read() as connection:
        found = jobs.job(connection, job_id)
    if found is None:
        raise LookupError(job_id)
    return found
