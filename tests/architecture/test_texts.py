import re

import pytest

from tests.architecture.source import ROOT, Source, files, texts

# A letter in brackets keeps a pattern from finding itself.
MACHINE = re.compile(r"(?<![\w.~$}>)-])/(wor[k]|roo[t]|hom[e]/\w+|tm[p]|op[t]|User[s]/\w+)/")
REGISTRY = re.compile(
    r"pyp[i]\.(org|python)|pythonhoste[d]|npmj[s]|deb[.]debian|security[.]debian|ghc[r]\.io|quay[.]io|docker[.]io"
    r"|--?(extra-)?inde[x]-url|--find-link[s]|trusted-hos[t]",
    re.IGNORECASE,
)
LINK = re.compile(r"\[[^\]]*\]\(([^)\s]+)\)")
PAGES = list(texts(".md"))


def complaints(pattern: re.Pattern[str], source: Source) -> list[str]:
    return [
        f"{source.path}:{number} {line.strip()[:120]}"
        for number, line in enumerate(source.text.splitlines(), 1)
        if pattern.search(line)
    ]


@pytest.mark.parametrize(
    ("pattern", "bad", "good"),
    [
        (MACHINE, "cd /wor" + "k/main", "cd app/work/main"),
        (MACHINE, "open('/tm" + "p/x')", "the path /tmpfs"),
        (REGISTRY, "pip install --inde" + "x-url x", "an index of urls"),
        (REGISTRY, "https://pyp" + "i.org/simple", "from PyPI"),
    ],
)
def test_the_patterns_find_machines_and_registries(pattern: re.Pattern[str], bad: str, good: str) -> None:
    assert pattern.search(bad)
    assert not pattern.search(good)


@pytest.mark.parametrize("pattern", [MACHINE, REGISTRY], ids=["machine", "registry"])
def test_no_file_names_a_path_of_a_machine_or_a_host_of_a_registry(pattern: re.Pattern[str]) -> None:
    found = [line for source in texts() for line in complaints(pattern, source)]
    assert not found, "\n".join(found)


def heading_anchors(page: str) -> set[str]:
    headings = re.findall(r"^#+ (.+)$", page, re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).strip().replace(" ", "-") for heading in headings}


def resolves(link: str, page: Source) -> bool:
    path, _, anchor = link.partition("#")
    target = (ROOT / page.path).parent / path
    if path and not target.exists():
        return False
    return not anchor or anchor in heading_anchors(target.read_text() if path else page.text)


def broken_links(page: Source) -> list[str]:
    return [link for link in LINK.findall(page.text) if "://" not in link and not resolves(link, page)]


def test_a_broken_link_is_seen() -> None:
    page = Source("docs/sample.md", "[a](missing.md) [b](#nowhere) [c](demo.md#nowhere)\n# Here\n[d](#here)")
    assert broken_links(page) == ["missing.md", "#nowhere", "demo.md#nowhere"]


def test_every_link_between_pages_resolves() -> None:
    assert PAGES
    broken = {page.path: links for page in PAGES if (links := broken_links(page))}
    assert not broken


def test_every_page_under_docs_is_reachable_from_the_readme() -> None:
    reached, waiting = set(), {ROOT / "README.md"}
    while waiting:
        page = waiting.pop().resolve()
        reached.add(page)
        links = (link.partition("#")[0] for link in LINK.findall(page.read_text()) if "://" not in link)
        targets = {(page.parent / link).resolve() for link in links if link.endswith(".md")}
        waiting |= {target for target in targets if target.exists()} - reached
    pages = {path.resolve() for path in files(ROOT / "docs") if path.suffix == ".md"}
    assert not {page.relative_to(ROOT).as_posix() for page in pages - reached}
