"""django-storages: the S3 storage of a Django project."""

import hashlib
import os
import ssl
import urllib.request
from pathlib import Path

from django.conf import settings

BUCKET, PREFIX = os.environ["BUCKET"], os.environ["PREFIX"]
OUT, TREE, BIG = (Path(os.environ[name]) for name in ("OUT", "TREE", "BIG"))
CA_FILE = os.environ["CA_FILE"] or None
settings.configure(
    AWS_S3_ENDPOINT_URL=os.environ["S3_ENDPOINT"],
    AWS_STORAGE_BUCKET_NAME=BUCKET,
    AWS_S3_REGION_NAME="auto",
    AWS_S3_SIGNATURE_VERSION="s3v4",
    AWS_S3_ADDRESSING_STYLE="path",
    AWS_S3_VERIFY=CA_FILE,
)

from django.core.files.base import ContentFile  # noqa: E402
from django.core.files import File  # noqa: E402
from storages.backends.s3boto3 import S3Boto3Storage  # noqa: E402

storage = S3Boto3Storage()


def result(step, text):
    (OUT / step).write_text(text, newline="")


def read(name):
    with storage.open(PREFIX + name) as file:
        return file.read()


def walk(folder):
    folders, files = storage.listdir(PREFIX + folder)
    yield from (folder + name for name in files if name != ".")
    for name in folders:
        yield from walk(f"{folder}{name}/")


def lines(names):
    return "".join(name + "\n" for name in sorted(names, key=str.encode))


def manifest(folder):
    # The storage takes a backslash for a slash.
    names = sorted((name for name in walk(folder) if "\\" not in name), key=str.encode)
    return "".join(f"{hashlib.sha256(read(name)).hexdigest()}  {name.removeprefix(folder)}\n" for name in names)


result("folders", lines(name + "/" for name in storage.listdir(PREFIX)[0]))

for file in TREE.rglob("*"):
    if file.is_file() and "\\" not in file.name:
        name = f"{PREFIX}names/{file.relative_to(TREE)}"
        assert not storage.exists(name)
        assert storage.save(name, ContentFile(file.read_bytes())) == name
        assert storage.size(name) == file.stat().st_size
        assert storage.get_modified_time(name)
result("names", manifest("names/"))

with BIG.open("rb") as file:
    storage.save(PREFIX + "big.bin", File(file))
result("big", hashlib.sha256(read("big.bin")).hexdigest() + "\n")

result("seeded", manifest("seed/"))

for i in range(0, 10, 2):
    storage.delete(f"{PREFIX}doomed/{i}.txt")
result("deleted", lines(walk("doomed/")))

result("listed", lines("many/" + name for name in storage.listdir("many/")[1]))

context = ssl.create_default_context(cafile=CA_FILE)
url = storage.url(PREFIX + "seed/digits.txt")
result("presigned-get", urllib.request.urlopen(url, context=context).read().decode())
