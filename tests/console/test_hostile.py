"""Hostile words in every field of every form, in Chromium: nothing of them runs, steers a line or breaks a page.

They are markup, marks that turn the reading direction around, and a megabyte. The console is this module's own: forms
are really sent, and some of them do what they say.
"""

from dataclasses import replace

import pytest
from playwright.sync_api import Browser, Page, expect

from sync_server.console.routes import sheets
from sync_server.sample.laptops import SampleLaptop
from sync_server.sample.large import order
from tests.console.accessibility import open_all
from tests.console.browsing import Console, paths, somebody
from tests.served import TENANT

HOSTILE = "<script>document.title='hit'</script><img src=x onerror=\"document.title='hit'\">\u202e\u2066'\"&amp; abc"
MEGABYTE = 1 << 20
RECORD = f"work_order/{order(77)}"


@pytest.fixture(scope="module")
def spoilt(console: Console) -> Console:
    """The console where records, notes, a conflict and a name are hostile already, too."""
    office, laptop = console.office, SampleLaptop.enrolled(console.office, TENANT, "a.okafor")
    for name, most in (("title", 120), ("access", 400), ("description", 4000)):
        office.set_field(TENANT, "d.park", RECORD, name, HOSTILE[:most])
    laptop.look(RECORD)
    office.set_field(TENANT, "d.park", RECORD, "description", f"{HOSTILE} office")
    laptop.say("field.updated", RECORD, field="description", value=f"{HOSTILE} laptop")
    laptop.say("note.added", RECORD, text=HOSTILE)
    laptop.send()
    conflict = console.waiting("conflict")[-1]
    assert office.record(TENANT, f"conflict/{conflict}").fields["record"] == RECORD
    return replace(
        console,
        named={**console.named, "conflict": conflict, "order": order(77), "person": "d.park", "device": "TB-01"},
    )


def every_path(console: Console) -> list[str]:
    return paths(console, [sheet.path for sheet in sheets()])


def test_hostile_words_in_every_field_run_nowhere_and_steer_no_line(chromium: Browser, spoilt: Console) -> None:
    with somebody(chromium, spoilt) as page:
        for path in every_path(spoilt):
            page.goto(spoilt.url + path)
            open_all(page)
            assert harm(page) == [], path
            fresh = True
            for number in range(page.locator("main form").count()):
                if not fresh:
                    page.goto(spoilt.url + path)
                    open_all(page)
                    fresh = True
                if not page.evaluate(_FILL, [number, HOSTILE]):
                    continue
                assert sent(page, number) < 500, (path, number)
                assert harm(page) == [], (path, number)
                fresh = False


def test_a_megabyte_in_every_field_is_answered_in_words(chromium: Browser, spoilt: Console) -> None:
    """Sent by the browser, and not drawn: what one such page looks like is another test's."""
    answers: dict[str, int] = {}
    with somebody(chromium, spoilt) as page:
        for path in every_path(spoilt):
            page.goto(spoilt.url + path)
            for name, status, heading in page.evaluate(_BURSTS, MEGABYTE):
                answers[f"{path} {name}"] = status
                assert "<h1" in heading, (path, name)
    refused = {each: status for each, status in answers.items() if status not in {200, 409, 413, 422}}
    assert refused == {"/console/models groups": 404}, "there is no such laptop"
    assert len(answers) > 25


def test_hostile_words_at_the_sign_in_run_nowhere(chromium: Browser, spoilt: Console) -> None:
    context = chromium.new_context()
    page = context.new_page()
    page.goto(f"{spoilt.url}/console/conflicts?words=%3Cscript%3E")
    assert {status for _, status, _ in page.evaluate(_BURSTS, MEGABYTE)} <= {401, 413, 422}
    for name in ("Person", "Password", "Organisation"):
        page.get_by_label(name).fill(HOSTILE)
    page.get_by_role("button", name="Sign in").click()
    expect(page.get_by_role("alert")).to_be_visible()
    assert harm(page) == []
    context.close()


def sent(page: Page, number: int) -> int:
    """Press the first button of that form; the status of what came."""
    form = page.locator("main form").nth(number)
    with page.expect_response(lambda answer: answer.request.is_navigation_request()) as told:
        form.locator("button[type=submit]").first.click()
    page.wait_for_load_state()
    return told.value.status


def harm(page: Page) -> list[str]:
    """What of the words got through: as a script, as markup, or as a mark that turns what stands behind it."""
    found = [*page.evaluate(_STEERED)]
    found += ["ran"] * (page.title() == "hit")
    return found + ["markup"] * page.locator("main script, main img[src=x]").count()


#: The fields of a form that take words. What waits for a name to be typed may be pressed all the same.
_FORM = """(number) => {
  const form = document.querySelectorAll("main form")[number];
  const texts = !form ? [] : [...form.elements].filter(each => each.tagName === "TEXTAREA" ||
    (each.tagName === "INPUT" && ["text", "password", "search"].includes(each.type)));
  if (!form || !form.querySelector("button[type=submit]")) return [form, []];
  return [form, texts];
}"""
_FILL = f"""([number, words]) => {{
  const [form, texts] = ({_FORM})(number);
  for (const each of texts) {{ each.removeAttribute("maxlength"); each.value = words; }}
  for (const each of form?.querySelectorAll("select") || []) each.selectedIndex = each.options.length - 1;
  for (const each of form?.querySelectorAll("button[type=submit]") || []) each.disabled = false;
  return texts.length;
}}"""
#: Every form that does something, once for each field with that much in it: the field, the status, the heading.
_BURSTS = f"""async (long) => {{
  const told = [], all = document.querySelectorAll("main form");
  for (const number of all.keys()) {{
    const [form, texts] = ({_FORM})(number);
    if (form.method !== "post") continue;
    for (const each of texts) {{
      const body = new URLSearchParams(new FormData(form));
      for (const other of texts) if (!body.get(other.name)) body.set(other.name, "words");
      body.set("act", form.querySelector("button[type=submit]").value);
      body.set(each.name, "y".repeat(long));
      const answer = await fetch(form.action, {{ method: "POST", body }});
      const text = await answer.text();
      told.push([each.name, answer.status, text.slice(text.indexOf("<h1"), text.indexOf("</h1>")).slice(0, 200)]);
    }}
  }}
  return told;
}}"""
#: A mark that turns the direction around must end with its own box: nothing of ours may stand behind it on its line.
_STEERED = """() => {
  const steered = [], walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  for (let node = walker.nextNode(); node; node = walker.nextNode()) {
    if (!/[\\u202a-\\u202e\\u2066-\\u2069]/.test(node.data)) continue;
    let at = node, isolated = false, behind = "";
    while (at !== document.body && !isolated) {
      const box = at.nodeType === 1 ? getComputedStyle(at) : null;
      if (box && (/isolate|plaintext/.test(box.unicodeBidi) || !box.display.startsWith("inline"))) isolated = true;
      if (box && ["OPTION", "TEXTAREA", "SCRIPT"].includes(at.tagName)) isolated = true;
      if (isolated) break;
      for (let next = at.nextSibling; next && next.nodeName !== "BR"; next = next.nextSibling) {
        behind += next.textContent;
      }
      at = at.parentNode;
    }
    const place = node.parentNode.outerHTML.slice(0, 80);
    if (behind.trim()) steered.push(`steers: ${place} before ${behind.trim().slice(0, 40)}`);
  }
  return steered;
}"""
