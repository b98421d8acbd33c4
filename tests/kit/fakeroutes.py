"""The JSON operations of the fake platform and their table; each takes the call, its body and the parts of its path."""

from __future__ import annotations

import base64
import hashlib
import re
import time
from typing import Any

from tests.kit.fakeplatform import TIME, Handler, Upload, new_id

INIT_FIELDS = {
    "filename",
    "contentType",
    "sizeBytes",
    "name",
    "datasetId",
    "kind",
    "sha256",
    "columnMapping",
    "symbol",
    "venue",
    "timezone",
    "timestampUnit",
    "vendor",
    "assetClass",
}


def head_upload(call: Handler, _: Any, upload_id: str) -> None:
    upload = call.platform.uploads.get(upload_id)
    if upload is None:
        return call.send(404, {"error": {"code": "NOT_FOUND", "message": "no such upload"}})
    if call.headers.get("Tus-Resumable") != "1.0.0":
        call.platform.problems.append("HEAD without Tus-Resumable")
    length = {"Upload-Defer-Length": "1"} if upload.length is None else {"Upload-Length": str(upload.length)}
    call.send(200, None, {"Upload-Offset": str(len(upload.data)), **length, "Cache-Control": "no-store"})


def get_upload(call: Handler, _: Any, upload_id: str) -> None:
    upload = call.platform.uploads.get(upload_id)
    if upload is None:
        return call.refuse(404, "NOT_FOUND", "no such upload")
    call.ok({"upload": session(upload)})


def session(upload: Upload) -> dict[str, Any]:
    return {
        "id": upload.id,
        "uploadUrl": f"/v1/uploads/{upload.id}",
        "datasetId": upload.dataset_id,
        "offset": len(upload.data),
        "sizeBytes": upload.length,
        "filename": upload.filename,
        "state": "receiving",
        "duplicateOf": upload.duplicate_of,
        "concat": upload.concat,
        "expiresAt": TIME,
    }


def delete_upload(call: Handler, _: Any, upload_id: str) -> None:
    if call.platform.uploads.pop(upload_id, None) is None:
        return call.refuse(404, "NOT_FOUND", "no such upload")
    call.send(204)


def init(call: Handler, body: Any) -> None:
    if not {"filename", "contentType", "sizeBytes"} <= set(body) <= INIT_FIELDS:
        return call.refuse(400, "VALIDATION_ERROR", f"fields {sorted(body)}")
    dataset = call.platform.datasets.get(body.get("datasetId")) or call.platform.dataset(
        body.get("name") or body["filename"],
        status="uploading",
        filename=body["filename"],
        sizeBytes=body["sizeBytes"],
        sha256=None,
    )
    upload = Upload(new_id("up"), dataset["id"], body["sizeBytes"], body["filename"])
    call.platform.uploads[upload.id] = upload
    call.ok(
        {
            "datasetId": dataset["id"],
            "versionId": dataset["versionId"],
            "uploadId": upload.id,
            "status": "uploading",
            "expiresAt": TIME,
            "uploadUrl": f"http://internal.example/v1/uploads/{upload.id}",
            "chunk": {"minBytes": 1, "maxBytes": 64 << 20},
        },
        202,
    )


def complete(call: Handler, body: Any, dataset_id: str) -> None:
    upload = call.platform.uploads.get(body.get("uploadToken"))
    if upload is None or upload.dataset_id != dataset_id:
        return call.refuse(404, "NOT_FOUND", "no such upload")
    if len(upload.data) != upload.length:
        return call.refuse(
            409, "UPLOAD_INCOMPLETE", "bytes are missing", {"offset": len(upload.data), "length": upload.length}
        )
    if body.get("sha256") != hashlib.sha256(upload.data).hexdigest():
        return call.refuse(409, "CHECKSUM_MISMATCH", "the digest differs")
    dataset = call.platform.datasets[dataset_id]
    dataset |= {"status": "uploaded", "sha256": body["sha256"]}
    answer = {"dataset": dataset, "job": shown(call.platform.job("upload.ingest")), "version": dataset["version"]}
    if call.platform.duplicate_of:
        upload.duplicate_of = answer["duplicateOf"] = call.platform.duplicate_of
        dataset["status"] = "archived"
    call.ok(answer, 202)


def sniff(call: Handler, body: Any) -> None:
    head = base64.b64decode(body["headBase64"])
    answered = set(body) | {f"columnMapping.{name}" for name in body.get("columnMapping", {})}
    questions = [question for question in call.platform.questions if question["field"] not in answered]
    columns = [
        {"name": name, "type": "float64", "samples": ["1.10"], "nulls": 0}
        for name in head.split(b"\n")[0].decode().split(",")
    ]
    call.ok(
        {
            "sniff": {
                "format": "csv",
                "kind": "trades",
                "kindConfidence": 0.9,
                "columns": columns,
                "rowsEstimate": 3,
                "problems": [],
                "mapping": {"price": {"column": columns[0]["name"], "confidence": 0.9, "reason": "name"}},
                "questions": questions,
                "timestamp": {"column": "time", "unit": "ms", "zone": "UTC", "first": TIME, "last": TIME},
            }
        }
    )


def dataset_list(call: Handler, _: Any) -> None:
    found = [item for item in call.platform.datasets.values() if call.query.get("q", "") in item["name"]]
    call.page([item for item in found if call.query.get("state") in (None, item["status"])])


def dataset(call: Handler, _: Any, dataset_id: str) -> None:
    item = call.platform.datasets.get(dataset_id)
    call.ok({"dataset": item}) if item else call.refuse(404, "NOT_FOUND", "no such dataset")


def archive(call: Handler, _: Any, dataset_id: str) -> None:
    item = call.platform.datasets[dataset_id]
    if call.query.get("version") != str(item["version"]):
        return call.refuse(404, "NOT_FOUND", "no such version")
    item["status"] = "archived"
    call.ok({"dataset": item, "version": item["version"]})


def versions(call: Handler, _: Any, dataset_id: str) -> None:
    item = call.platform.datasets.get(dataset_id)
    call.page([shown_version(item)]) if item else call.refuse(404, "NOT_FOUND", "no such dataset")


def shown_version(item: dict[str, Any]) -> dict[str, Any]:
    return {
        "id": item["versionId"],
        "datasetId": item["id"],
        "version": item["version"],
        "status": item["status"],
        "operation": "upload",
        "filename": item["filename"],
        "kind": item["kind"],
        "rowCount": item["rowCount"],
        "sha256": item["sha256"],
        "symbols": item["symbols"],
        "grade": item["grade"],
    }


def version(call: Handler, _: Any, dataset_id: str, number: str) -> None:
    item = call.platform.datasets.get(dataset_id)
    if item is None or int(number) != item["version"]:
        return call.refuse(404, "NOT_FOUND", "no such version")
    files = [{"number": n, "symbol": symbol, "venue": f"V{n}"} for n, symbol in enumerate(item["symbols"])]
    call.ok({"version": shown_version(item) | {"files": files}})


def action(call: Handler, body: Any, dataset_id: str, action: str) -> None:
    item = call.platform.datasets.get(dataset_id)
    if item is None:
        return call.refuse(404, "NOT_FOUND", "no such dataset")
    job = shown(call.platform.job(f"dataset.{action.split('/')[0]}"))
    answer: dict[str, Any] = {"dataset": item, "version": item["version"], "job": job}
    if action.startswith("transform/"):
        answer |= {"outputVersionId": item["versionId"], "outputVersion": item["version"]}
    if action == "publish/lona":
        answer["publication"] = {"id": new_id("pub"), "datasetId": dataset_id, "version": 1, "state": "queued"}
        call.platform.answers[f"/v1/publications/{answer['publication']['id']}"] = {
            "publication": answer["publication"] | {"state": "published", "lonaSymbolId": "sym-1"}
        }
    call.ok(answer, 202)


def report(call: Handler, _: Any, dataset_id: str) -> None:
    red = call.platform.grade == "RED"
    check = {
        "id": "price.outlier",
        "family": "price",
        "grade": call.platform.grade,
        "measured": "0.10",
        "limit": "0.05",
        "count": 2,
        "samples": [{"row": 7, "line": 8, "ts": TIME, "value": "0.10"}],
        "explanation": "two prices far from their neighbours",
    }
    report = {
        "datasetId": dataset_id,
        "status": "validation_failed" if red else "validated",
        "grade": call.platform.grade,
        "score": 12.5,
        "summary": "two outliers",
        "issues": [],
        "checks": [check],
        "rows": {"read": 3, "accepted": 3, "rejected": 0},
    }
    call.ok({"qualityReport": report})


def preview(call: Handler, _: Any, dataset_id: str, number: str) -> None:
    call.send(
        200,
        b'{"requestId": "r", "columns": [{"name": "ts"}, {"name": "price"}, {"name": "n"}], "nextCursor": null,'
        b' "rows": [["2024-01-01T00:00:00.123456789Z", "0.1000000000000000055", 12345], ["a|b", 1.10, null]]}',
    )


def download(call: Handler, _: Any, dataset_id: str) -> None:
    platform, data = call.platform, call.platform.file
    digest = hashlib.sha256(data).hexdigest()
    headers = {"ETag": f'"{digest}"', "Accept-Ranges": "bytes"}
    start, status = 0, 200
    asked = re.fullmatch(r"bytes=(\d+)-", call.headers.get("Range", ""))
    if asked and call.headers.get("If-Range") == headers["ETag"]:
        start, status = int(asked[1]), 206
        headers["Content-Range"] = f"bytes {start}-{len(data) - 1}/{len(data)}"
    cut = platform.cuts.pop(0) if platform.cuts else None
    if cut is None:
        return call.send(status, data[start:], headers)
    call.send(status, data[start : start + cut], headers | {"Content-Length": str(len(data) - start)})
    call.close_connection = True


def job(call: Handler, _: Any, job_id: str) -> None:
    job = call.platform.jobs.get(job_id)
    if job is None:
        return call.refuse(404, "NOT_FOUND", "no such job")
    if "wait" in call.query and job["steps"]:
        job["state"] = job["steps"].pop(0)
        time.sleep(0.02)
    call.ok({"job": shown(job)})


def job_verb(call: Handler, _: Any, job_id: str, verb: str) -> None:
    call.platform.jobs[job_id]["state"] = "cancelled" if verb == "cancel" else "queued"
    call.ok({"job": shown(call.platform.jobs[job_id])})


def log(call: Handler, _: Any, job_id: str) -> None:
    lines = [
        {"n": n, "at": TIME, "level": "error" if n == 2 else "info", "stage": "read", "text": f"line {n}", "attempt": 1}
        for n in (1, 2, 3)
    ]
    call.ok({"items": [line for line in lines if line["n"] > int(call.query.get("since", 0))], "nextCursor": None})


def strategy(call: Handler, body: Any) -> None:
    item = {"id": new_id("str"), "name": body.get("name"), "description": body["description"], "createdAt": TIME}
    call.platform.lists.setdefault("/v1/strategies", []).append(item)
    call.ok({"strategy": item}, 201)


def backtest(call: Handler, body: Any, strategy_id: str) -> None:
    if not {"startDate", "endDate"} <= set(body) or ("datasetIds" in body) == ("dataIds" in body):
        return call.refuse(400, "VALIDATION_ERROR", f"fields {sorted(body)}")
    item = {"id": new_id("bt"), "strategyId": strategy_id, "status": "queued"}
    done = {
        "status": "completed",
        "metrics": {"totalReturnPct": 15.23, "maxDrawdownPct": 8.32, "sharpeRatio": 1.1, "winRatePct": 62.0},
    }
    call.platform.answers[f"/v1/backtests/{item['id']}"] = {
        "backtest": item | done | {"trades": [{"price": "1.10"}], "equity": []}
    }
    call.ok({"backtest": item, "job": shown(call.platform.job("backtest.run"))}, 202)


def me(call: Handler, _: Any) -> None:
    call.ok(
        {
            "tenantId": "tnt_1",
            "tenant": "first",
            "userId": "usr_1",
            "email": "a@example.org",
            "role": "admin",
            "scopes": ["read", "write", "publish"],
            "via": "key",
        }
    )


def new_key(call: Handler, body: Any) -> None:
    call.ok(
        {"key": {"id": new_id("key"), "name": body["name"], "scopes": body["scopes"]}, "secret": "nx_new_secret"}, 201
    )


def export(call: Handler, _: Any) -> None:
    call.send(200, b'{"seq": 1}\n{"seq": 2}\n', {"Content-Type": "application/x-ndjson"})


def drop_key(call: Handler, _: Any, key_id: str) -> None:
    call.ok({"key": {"id": key_id}})


def linked(call: Handler, body: Any) -> None:
    call.ok({"dataset": call.platform.dataset(body.get("name") or body["symbolId"])}, 202)


def reconcile(call: Handler, body: Any) -> None:
    call.ok({"items": [{"state": "missing", "lonaSymbolId": "sym-1"}], "dryRun": body["dryRun"]})


def alive(call: Handler, _: Any) -> None:
    call.send(200, {"status": "alive", "version": call.platform.version})


def ready(call: Handler, _: Any) -> None:
    call.send(200, {"status": "ready", "checks": {"database": True, "worker": True, "disk": True}})


def shown(job: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in job.items() if key != "steps"}


_DS, _UP, _JOB = "(ds_[0-9a-f]{32})", "(up_[0-9a-f]{32})", "(job_[0-9a-f]{32})"
ROUTES: list[tuple[str, str, Any]] = [
    ("GET", "/healthz", alive),
    ("GET", "/readyz", ready),
    ("GET", "/v1/me", me),
    ("POST", "/v1/keys", new_key),
    ("DELETE", "/v1/keys/(key_[0-9a-f]{32})", drop_key),
    ("POST", "/v1/datasets/uploads:init", init),
    ("POST", "/v1/datasets/uploads:sniff", sniff),
    ("POST", "/v1/datasets/lona:link", linked),
    ("POST", "/v1/mappings:reconcile", reconcile),
    ("POST", f"/v1/datasets/{_DS}/uploads:complete", complete),
    ("POST", f"/v1/datasets/{_DS}/(validate|transform/candles|transform/fix|publish/lona)", action),
    ("GET", "/v1/datasets", dataset_list),
    ("GET", f"/v1/datasets/{_DS}", dataset),
    ("DELETE", f"/v1/datasets/{_DS}", archive),
    ("GET", f"/v1/datasets/{_DS}/versions", versions),
    ("GET", f"/v1/datasets/{_DS}/versions/(\\d+)", version),
    ("GET", f"/v1/datasets/{_DS}/versions/(\\d+)/preview", preview),
    ("GET", f"/v1/datasets/{_DS}/quality-report", report),
    ("GET", f"/v1/datasets/{_DS}/download", download),
    ("HEAD", f"/v1/uploads/{_UP}", head_upload),
    ("GET", f"/v1/uploads/{_UP}", get_upload),
    ("DELETE", f"/v1/uploads/{_UP}", delete_upload),
    ("GET", f"/v1/jobs/{_JOB}", job),
    ("POST", f"/v1/jobs/{_JOB}:(cancel|retry)", job_verb),
    ("GET", f"/v1/jobs/{_JOB}/log", log),
    ("POST", "/v1/strategies", strategy),
    ("POST", "/v1/strategies/(str_[0-9a-f]{32})/backtests", backtest),
    ("GET", "/v1/audit/export", export),
]
