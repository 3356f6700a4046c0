"""run.py <redis://…> <mongodb://…> <workers> <tenant>=<file> …: the first version of the platform, from submit to done.

Starts RQ's workers, puts a job for each file into the queue, and waits for all of them. The last line is what was done:
documents, seconds from submit to done, and CPU seconds of this process and the workers in that time.
"""

import json
import os
import subprocess
import sys
import time

from redis import Redis
from rq import Queue, Worker

from ingest import ingest


def cpu_seconds(pid):
    """User and system time of a process and of the children that it has waited for."""
    with open(f"/proc/{pid}/stat", encoding="utf-8") as stat:
        fields = stat.read().rsplit(")", 1)[1].split()
    return sum(int(ticks) for ticks in fields[11:15]) / os.sysconf("SC_CLK_TCK")


def start(workers, redis_url, redis):
    command = [os.path.join(os.path.dirname(sys.executable), "rq"), "worker", "--quiet", "--url", redis_url, "trips"]
    here = os.path.dirname(os.path.abspath(__file__))
    processes = [subprocess.Popen(command, cwd=here, env={**os.environ, "PYTHONPATH": here}) for _ in range(workers)]
    while len(Worker.all(connection=redis)) < workers:
        if any(process.poll() is not None for process in processes):
            sys.exit("a worker of RQ has ended")
        time.sleep(0.05)
    return processes


def run(redis_url, mongo_url, workers, files):
    redis = Redis.from_url(redis_url)
    redis.flushdb()
    processes = start(workers, redis_url, redis)
    try:
        everybody = [os.getpid()] + [process.pid for process in processes]
        before = sum(map(cpu_seconds, everybody))
        began = time.monotonic()
        queue = Queue("trips", connection=redis)
        jobs = [queue.enqueue(ingest, *file.split("=", 1), mongo_url, job_timeout=3600) for file in files]
        while any(job.get_status(refresh=True) in ("queued", "started", "deferred", "scheduled") for job in jobs):
            time.sleep(0.05)
        seconds = time.monotonic() - began
        # A job is done a moment before its process is waited for, and only then is its time the worker's.
        time.sleep(0.5)
        cpu = sum(map(cpu_seconds, everybody)) - before
        done = [job.return_value() for job in jobs]
    finally:
        for process in processes:
            process.terminate()
        for process in processes:
            process.wait()
    if None in done:
        sys.exit("a job failed")
    return {"documents": sum(done), "seconds": seconds, "cpu_seconds": cpu}


if __name__ == "__main__":
    print(json.dumps(run(sys.argv[1], sys.argv[2], int(sys.argv[3]), sys.argv[4:])))
