from device.core.library.pages import PAGE_CHARS, PAGE_CHARS_MAX, PAGES_MAX, Page, clean, pages_of


def test_pages_are_those_that_the_text_says() -> None:
    text = "---\nid: x\n---\nfront\n<!-- page 3 -->\nthree\n<!-- page 7 -->\nseven\n"
    assert [(page.number, page.text.split()) for page in pages_of(text.encode()).pages] == [
        (3, ["front", "three"]),
        (7, ["seven"]),
    ]


def test_form_feeds_begin_pages_and_empty_ones_keep_their_numbers() -> None:
    assert pages_of(b"one\f\fthree").pages == (Page(1, "one"), Page(3, "three"))


def test_a_text_without_pages_is_cut_between_blocks() -> None:
    block = "word " * 200 + "\n\n"
    pages = pages_of((block * 9).encode()).pages
    assert len(pages) > 2
    assert all(len(page.text) <= PAGE_CHARS for page in pages)
    assert "".join(page.text for page in pages).split() == (block * 9).split()


def test_what_cannot_be_seen_is_dropped() -> None:
    assert clean("a\x00b\x1b[31mc\u202ed\u200be\r\nf\x85g ﬁt") == "ab[31mcde\nf\ng fit"


def test_bytes_that_are_no_text_are_shown_as_such_and_stop_nothing() -> None:
    (page,) = pages_of(b"torque \xff\xfe 65 Nm").pages
    assert page.text == "torque \ufffd\ufffd 65 Nm"


def test_what_is_left_out_is_said() -> None:
    paged = pages_of(b"x\f" * (PAGES_MAX + 5))
    assert len(paged.pages) == PAGES_MAX
    assert str(PAGES_MAX) in paged.cut
    long = pages_of(b"y" * (PAGE_CHARS_MAX + 5))
    assert (len(long.pages[0].text), bool(long.cut)) == (PAGE_CHARS_MAX, True)
    assert pages_of(b"short").cut == ""
