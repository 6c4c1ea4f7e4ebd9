"""As much of curl as the pages use, for machines that have none: -s -g -i -X -H -d -G and --data-urlencode."""

import argparse
import sys
import urllib.parse
import urllib.request
from urllib.error import HTTPError


def main() -> None:
    curl = argparse.ArgumentParser()
    curl.add_argument("-s", "--silent", action="store_true")
    curl.add_argument("-i", "--include", action="store_true")
    curl.add_argument("-g", "--globoff", action="store_true")
    curl.add_argument("-G", "--get", action="store_true")
    curl.add_argument("-X", "--request")
    curl.add_argument("-H", "--header", action="append", default=[])
    curl.add_argument("-d", "--data")
    curl.add_argument("--data-urlencode", action="append", default=[])
    curl.add_argument("url")
    given = curl.parse_args()
    url, data = given.url, given.data.encode() if given.data is not None else None
    if given.get:
        pairs = [one.partition("=")[::2] for one in given.data_urlencode]
        url = f"{url}?{urllib.parse.urlencode(pairs)}"
    request = urllib.request.Request(url, data, method=given.request)
    for header in given.header:
        name, _, value = header.partition(":")
        request.add_header(name, value.strip())
    try:
        answer = urllib.request.urlopen(request)
    except HTTPError as error:
        answer = error
    if given.include:
        headers = "".join(f"{name}: {value}\r\n" for name, value in answer.headers.items())
        sys.stdout.write(f"HTTP/1.1 {answer.status} {answer.reason}\r\n{headers}\r\n")
    sys.stdout.flush()
    sys.stdout.buffer.write(answer.read())


if __name__ == "__main__":
    main()
