"""boto3: the one of Debian, or a newer one."""

import hashlib
import os
import urllib.request
import ssl
from pathlib import Path

import boto3
from botocore.config import Config
from botocore.exceptions import ClientError

BUCKET, PREFIX = os.environ["BUCKET"], os.environ["PREFIX"]
OUT, TREE, BIG = (Path(os.environ[name]) for name in ("OUT", "TREE", "BIG"))
CA_FILE = os.environ["CA_FILE"] or None
s3 = boto3.client(
    "s3",
    endpoint_url=os.environ["S3_ENDPOINT"],
    verify=CA_FILE,
    config=Config(s3={"addressing_style": "path"}),
)


def result(step, text):
    (OUT / step).write_text(text, newline="")


def read(name, **options):
    return s3.get_object(Bucket=BUCKET, Key=PREFIX + name, **options)["Body"].read()


def keys(prefix):
    pages = s3.get_paginator("list_objects_v2").paginate(Bucket=BUCKET, Prefix=prefix)
    return [entry["Key"] for page in pages for entry in page.get("Contents", [])]


def lines(names):
    return "".join(name.removeprefix(PREFIX) + "\n" for name in sorted(names, key=str.encode))


def manifest(folder):
    entries = [key.removeprefix(PREFIX + folder) for key in keys(PREFIX + folder)]
    digests = {name: hashlib.sha256(read(folder + name)).hexdigest() for name in entries}
    return "".join(f"{digests[name]}  {name}\n" for name in sorted(entries, key=str.encode))


def fetch(url, **options):
    context = ssl.create_default_context(cafile=CA_FILE)
    return urllib.request.urlopen(urllib.request.Request(url, **options), context=context).read()


found = s3.list_objects_v2(Bucket=BUCKET, Prefix=PREFIX, Delimiter="/")
result("folders", lines(entry["Prefix"] for entry in found["CommonPrefixes"]))

middle, end = (read("seed/digits.txt", Range=f"bytes={r}") for r in ("10-14", "-3"))
result("ranges", (middle + end).decode())

for file in TREE.rglob("*"):
    if file.is_file():
        s3.put_object(Bucket=BUCKET, Key=f"{PREFIX}names/{file.relative_to(TREE)}", Body=file.read_bytes())
result("names", manifest("names/"))
if os.environ["BRIEF"]:
    raise SystemExit

s3.upload_file(str(BIG), BUCKET, PREFIX + "big.bin")
s3.download_file(BUCKET, PREFIX + "big.bin", "big.bin")
result("big", hashlib.sha256(Path("big.bin").read_bytes()).hexdigest() + "\n")

s3.copy({"Bucket": BUCKET, "Key": PREFIX + "seed/big.bin"}, BUCKET, PREFIX + "big-copy.bin")
result("copied-big", hashlib.sha256(read("big-copy.bin")).hexdigest() + "\n")

# In parallel ranges with If-Match, while the object may be migrating.
s3.download_file(BUCKET, PREFIX + "seed/big.bin", "seed-big.bin")
assert Path("seed-big.bin").read_bytes() == read("seed/big.bin")
result("seeded", manifest("seed/"))

s3.copy_object(Bucket=BUCKET, Key=PREFIX + "copy.txt", CopySource={"Bucket": BUCKET, "Key": PREFIX + "seed/digits.txt"})
result("copied", read("copy.txt").decode())


def only_if_absent(request, **_):
    request.headers["If-None-Match"] = "*"


# As an event: Debian's boto3 has no parameter for it.
s3.meta.events.register("before-sign.s3.PutObject", only_if_absent)
s3.put_object(Bucket=BUCKET, Key=PREFIX + "once.txt", Body=b"first")
try:
    s3.put_object(Bucket=BUCKET, Key=PREFIX + "once.txt", Body=b"second")
    raise AssertionError("stored twice")
except ClientError as error:
    assert error.response["Error"]["Code"] == "PreconditionFailed", error
s3.meta.events.unregister("before-sign.s3.PutObject", only_if_absent)
result("conditional-write", read("once.txt").decode())

doomed = [{"Key": f"{PREFIX}doomed/{i}.txt"} for i in range(0, 10, 2)]
assert "Errors" not in s3.delete_objects(Bucket=BUCKET, Delete={"Objects": doomed})
result("deleted", lines(keys(PREFIX + "doomed/")))

result("listed", lines(keys("many/")))

# Without a region of its own (us-east-1), boto3 would make URLs of signature version 2.
presigner = boto3.client(
    "s3", endpoint_url=os.environ["S3_ENDPOINT"], region_name="auto", config=Config(signature_version="s3v4")
)


def presign(method, name):
    return presigner.generate_presigned_url(method, Params={"Bucket": BUCKET, "Key": PREFIX + name})


result("presigned-get", fetch(presign("get_object", "seed/digits.txt")).decode())
fetch(presign("put_object", "presigned.txt"), data=b"put by URL", method="PUT", headers={"Content-Type": ""})
result("presigned-put", read("presigned.txt").decode())
