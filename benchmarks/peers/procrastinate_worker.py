"""`procrastinate_worker.py DSN make|fill N|work`: the peer's schema, its jobs that do nothing, one of its workers."""

import sys

import procrastinate

app = procrastinate.App(connector=procrastinate.PsycopgConnector(conninfo=sys.argv[1]))
quick = procrastinate.App(connector=procrastinate.SyncPsycopgConnector(conninfo=sys.argv[1]))


@app.task(name="nothing")
async def nothing() -> None:
    """Return at once."""


match sys.argv[2]:
    case "make":
        with quick.open():
            quick.schema_manager.apply_schema()
    case "fill":
        with quick.open():
            quick.configure_task("nothing").batch_defer(*[{} for _ in range(int(sys.argv[3]))])
    case "work":
        print("ready", flush=True)
        sys.stdin.readline()
        app.run_worker(wait=False, concurrency=1, listen_notify=False, delete_jobs="never")
        print("done", flush=True)
