// Saves time and decides nothing: without it every page works. Times in the reader's zone, counts that keep up, a
// word when the page is out of date, what is typed kept through it, the result of what is picked, keys, copying, and
// a button that waits until a name is typed.
"use strict";
(() => {
  const body = document.body;

  const local = new Intl.DateTimeFormat(undefined, { dateStyle: "medium", timeStyle: "short" });
  const showTimes = (root) => {
    for (const time of root.querySelectorAll("time[datetime]")) {
      const at = new Date(time.dateTime);
      if (Number.isNaN(at.getTime()) || time.title) continue;
      time.title = time.textContent;
      time.textContent = local.format(at);
    }
  };

  const showCopies = (root) => {
    if (!navigator.clipboard) return;
    for (const code of root.querySelectorAll("code[data-copy]")) {
      const button = document.createElement("button");
      button.type = "button";
      button.className = "copy quiet";
      button.textContent = body.dataset.copy;
      button.addEventListener("click", async () => {
        await navigator.clipboard.writeText(code.textContent);
        button.textContent = body.dataset.copied;
      });
      code.removeAttribute("data-copy");
      code.after(button);
    }
  };

  const guard = (root) => {
    for (const input of root.querySelectorAll("input[data-confirm]")) {
      const button = input.form.querySelector("button[name=act]");
      if (!button) continue;
      const look = () => { button.disabled = input.value.trim() !== input.dataset.confirm; };
      input.addEventListener("input", look);
      look();
    }
  };

  const prepare = (root) => { showTimes(root); showCopies(root); guard(root); };

  // -- what somebody typed or picked

  const fields = (root) => [...root.querySelectorAll("input[name], select[name], textarea[name]")]
    .filter((field) => !["hidden", "password"].includes(field.type));
  const ticks = (field) => ["radio", "checkbox"].includes(field.type);
  const place = (field) => JSON.stringify([field.form && field.form.id, field.name, ticks(field) ? field.value : ""]);
  const chosen = (select) => [...select.options].some((option) => option.selected !== option.defaultSelected);
  const touched = (field) => ticks(field) ? field.checked !== field.defaultChecked
    : field.tagName === "SELECT" ? chosen(field) : field.value !== field.defaultValue;
  const carry = (from, to) => {
    const kept = new Map(fields(from).filter(touched).map((field) => [place(field), field]));
    for (const field of fields(to)) {
      const was = kept.get(place(field));
      if (!was) continue;
      if (ticks(field)) field.checked = was.checked; else field.value = was.value;
      const folded = field.closest("details");
      if (folded) folded.open = true;
    }
  };

  let newest = 0;
  const asking = (form) => {
    const body = new URLSearchParams(new FormData(form));
    body.set("act", "preview");
    return { method: "POST", body };
  };
  const preview = async (form) => {
    const mine = ++newest;
    const answer = await fetch(location.pathname, asking(form)).catch(() => null);
    const text = answer && answer.ok ? await answer.text() : "";
    const fresh = new DOMParser().parseFromString(text, "text/html").querySelector("#decide section");
    const shown = form.querySelector("section");
    if (fresh && shown && mine === newest) shown.replaceChildren(...fresh.childNodes);
  };
  document.addEventListener("change", (event) => {
    if (event.target.form && event.target.form.id === "decide" && /^(use|text)[.]/.test(event.target.name)) {
      preview(event.target.form);
    }
  });

  // -- what changed meanwhile

  const notice = document.getElementById("changed");
  const counted = (counts) => {
    for (const place of document.querySelectorAll("[data-count]")) {
      const number = counts[place.dataset.count];
      if (number === undefined) continue;
      place.textContent = number;
      place.classList.toggle("needs", number > 0);
    }
  };
  const again = async () => {
    const form = document.getElementById("decide");
    const how = form ? asking(form) : {};
    const answer = await fetch(location.href, { ...how, headers: { "X-Tailboard": "again" } });
    if (!answer.ok) { location.reload(); return; }
    const fresh = new DOMParser().parseFromString(await answer.text(), "text/html");
    carry(document.getElementById("main"), fresh.getElementById("main"));
    document.getElementById("main").replaceWith(fresh.getElementById("main"));
    body.dataset.seen = fresh.body.dataset.seen || "";
    notice.hidden = true;
    prepare(document.getElementById("main"));
    const heading = document.querySelector("#main h1");
    if (heading) { heading.tabIndex = -1; heading.focus(); }
  };
  if (body.dataset.seen && notice) {
    notice.querySelector("button").addEventListener("click", again);
    const events = new EventSource("/console/events");
    events.addEventListener("counts", (event) => {
      const told = JSON.parse(event.data);
      counted(told.counts);
      if (told.seen !== body.dataset.seen) notice.hidden = false;
    });
    events.addEventListener("over", () => events.close());
    window.addEventListener("pagehide", () => events.close());
  }

  // -- single keys: only if they are on, never while somebody types

  const typing = (at) => at instanceof HTMLElement && (at.isContentEditable || ["TEXTAREA", "SELECT"].includes(at.tagName)
    || (at.tagName === "INPUT" && !["radio", "checkbox"].includes(at.type)));
  const rows = () => [...document.querySelectorAll("tr[data-field]")];
  const row = () => document.activeElement.closest("tr[data-field]") || rows()[0];
  const step = (by) => {
    const all = rows();
    const at = all.indexOf(document.activeElement.closest("tr[data-field]"));
    const next = all[Math.min(Math.max(at + by, 0), all.length - 1)];
    if (next) next.querySelector("input[type=radio]").focus();
  };
  document.addEventListener("keydown", (event) => {
    if (body.dataset.keys !== "on" || event.ctrlKey || event.altKey || event.metaKey || typing(event.target)) return;
    if (event.key === "n" && rows().length) { step(1); event.preventDefault(); return; }
    if (event.key === "p" && rows().length) { step(-1); event.preventDefault(); return; }
    if (event.key === "?") { location.href = "/console/settings"; return; }
    const named = `[data-key="${CSS.escape(event.key)}"]`;
    const found = (row() && row().querySelector(named)) || document.querySelector(named);
    if (!found) return;
    event.preventDefault();
    found.focus();
    if (found.type === "radio" || found.tagName === "A") found.click();
  });

  prepare(document);
})();
