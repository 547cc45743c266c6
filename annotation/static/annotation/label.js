// The labeler's page: drafts that tell the truth about being saved, parts that open by a key, fields that are asked only sometimes.
// All listeners stand on the document: htmx swaps the whole body when a ticket is submitted.
(() => {
  const SAVE_AFTER = 600, RETRY_AFTER = 2000, RETRY_AT_MOST = 30_000;
  const all = (selector, within = document) => [...within.querySelectorAll(selector)];
  const INPUT = "f-"; // before the name of a task's field, as annotation/answers.py reads it
  const form = () => document.querySelector("form[data-label]");
  let timer = 0, failures = 0, chain = Promise.resolve(), shownAt = performance.now(), ahead = "";

  // ── Draft. One request at a time: each carries the revision that the last one answered.
  const SHAPES = {
    todo: ["idle", '<circle class="ring" cx="8" cy="8" r="6"/>'],
    good: ["good", '<circle cx="8" cy="8" r="7"/><path class="cut" d="m4.8 8.2 2.2 2.2 4.2-4.6"/>'],
    bad: ["bad", '<path d="M1.5 1.5h13v13h-13z"/><path class="cut" d="m5.2 5.2 5.6 5.6m0-5.6-5.6 5.6"/>'],
  };
  function tell(shape, text) {
    const badge = document.querySelector("[data-saved]");
    if (!badge) return;
    const [tone, path] = SHAPES[shape];
    badge.innerHTML = `<svg class="glyph ${tone}" viewBox="0 0 16 16" aria-hidden="true">${path}</svg><span></span>`;
    badge.lastElementChild.textContent = text;
  }
  function later() {
    if (!form()?.dataset.draft) return;
    clearTimeout(timer);
    timer = setTimeout(save, SAVE_AFTER);
    tell("todo", "Not saved yet");
  }
  // What could not be saved is tried again, later each time, and the page is not left without a question until it is.
  function again(why) {
    tell("bad", `Not saved: ${why}`);
    clearTimeout(timer);
    timer = setTimeout(save, Math.min(RETRY_AFTER * 2 ** failures, RETRY_AT_MOST));
    failures += 1;
  }
  function refused(why, revision) {
    tell("bad", `Not saved: ${why}`);
    failures += 1;
    if (revision === undefined) return;
    const keep = Object.assign(document.createElement("button"), { type: "button", className: "button small", textContent: "Keep mine" });
    keep.dataset.keeps = revision;
    document.querySelector("[data-saved]")?.append(keep);
  }
  function save({ leaving = false } = {}) {
    clearTimeout(timer);
    timer = 0;
    const page = form();
    if (!page?.dataset.draft) return;
    chain = chain.then(async () => {
      if (!page.isConnected) return; // submitted meanwhile: the answer is in, a draft would only confuse
      const data = new FormData(page);
      data.set("revision", page.dataset.revision);
      const typed = text(page);
      try {
        const answer = await fetch(page.dataset.draft, { method: "POST", body: data, keepalive: leaving });
        const told = await answer.json().catch(() => ({}));
        if (!page.isConnected) return;
        if (answer.ok) {
          page.dataset.revision = told.revision;
          failures = 0;
          if (text(page) === typed) tell("good", "Saved"); // else a newer save is on its way
        } else if (told.detail) refused(told.detail, told.draft_revision);
        else if (answer.redirected || answer.status === 403) again("you are signed out; sign in again in another tab.");
        else again(`the server refused it (${answer.status}).`);
      } catch {
        if (page.isConnected) again("the server does not answer. What you typed is still here.");
      }
    });
  }
  const text = (page) => JSON.stringify([...new FormData(page)].filter(([name]) => !["seconds", "ahead"].includes(name)));
  addEventListener("input", (event) => {
    if (event.target.matches("[data-narrows]")) return narrow(event.target);
    if (event.target.form?.matches("[data-label]")) { count(); later(); } // "not sure" stands outside of its form
  });
  addEventListener("change", (event) => { if (event.target.closest("form[data-label]")) ask(); });
  addEventListener("click", (event) => {
    const keep = event.target.closest?.("[data-keeps]");
    if (!keep || !form()) return;
    form().dataset.revision = keep.dataset.keeps;
    save();
  });
  addEventListener("beforeunload", (event) => { if (failures && form()) event.preventDefault(); });
  addEventListener("submit", () => { failures = 0; }); // sent or given up on purpose: no question
  addEventListener("visibilitychange", () => { if (document.visibilityState === "hidden" && timer) save({ leaving: true }); });

  // ── Submit: the seconds that it took; a form that could not be sent can be sent again.
  addEventListener("submit", (event) => {
    if (!event.target.matches("form[data-label]")) return;
    clearTimeout(timer);
    timer = 0;
    const seconds = event.target.elements.namedItem("seconds");
    if (seconds) seconds.value = ((performance.now() - shownAt) / 1000).toFixed(1);
  }, true);
  addEventListener("htmx:afterRequest", () => {
    const page = form();
    if (!page) return;
    page.removeAttribute("aria-busy");
  });
  addEventListener("htmx:beforeSwap", (event) => {
    if (!form()) return;
    const status = event.detail.xhr.status;
    if (status === 409) event.detail.shouldSwap = true; // the page with what was typed, and why it does not count
    if (status !== 204 || event.detail.requestConfig.verb !== "post" || !ahead) return;
    event.detail.serverResponse = ahead; // the next ticket is the one that was fetched meanwhile
    event.detail.shouldSwap = true;
  });

  // ── The next ticket's page is fetched while this one is read, and stands there as soon as this one is submitted.
  function fetchAhead() {
    ahead = "";
    const page = form();
    if (!page?.dataset.ahead) return;
    fetch(page.dataset.ahead).then(async (answer) => {
      const text = answer.status === 200 ? await answer.text() : "";
      if (!text || !page.isConnected) return;
      ahead = text;
      page.elements.namedItem("ahead").value = answer.headers.get("X-Lease");
    }).catch(() => {}); // without it the submit brings the next ticket along
  }
  addEventListener("htmx:sendError", () => {
    if (!form()) return;
    failures = 1;
    tell("bad", "Not submitted: the server does not answer. Try again.");
  });

  // ── Parts that a key opens, suggestions that a button takes.
  addEventListener("click", (event) => {
    const toggle = event.target.closest?.("[data-toggles]");
    if (toggle) {
      const part = document.getElementById(toggle.dataset.toggles);
      part.hidden = !part.hidden;
      toggle.setAttribute("aria-expanded", String(!part.hidden));
      if (!part.hidden) setTimeout(() => part.querySelector("textarea")?.focus());
    }
    const take = event.target.closest?.("[data-takes]");
    if (take) {
      const field = document.getElementById(take.dataset.into);
      field.value = document.getElementById(take.dataset.takes).textContent;
      field.dispatchEvent(new Event("input", { bubbles: true }));
      field.focus();
    }
  });
  addEventListener("keydown", (event) => {
    if (event.key === "Escape" && event.target.matches("textarea, input")) event.target.blur(); // keys work again
    // Enter in a search takes the first label that it found. It never submits the ticket, which is what a browser would do.
    if (event.key !== "Enter" || event.isComposing || !event.target.matches("[data-narrows]")) return;
    event.preventDefault();
    const search = event.target, found = search.value.trim() && all(".choice", search.closest("fieldset")).find(holds(search));
    if (!found) return;
    const taken = found.querySelector("input");
    taken.click();
    search.value = "";
    narrow(search);
    search.blur();
    if (taken.type === "radio") goOn(search.closest("[data-row]"));
  });

  // ── Several fields with keys take turns. What a key chose passes them to the next field that is empty; j and k go to any. They go with
  // the focus, so that it is heard too.
  const rows = () => all("[data-row]").filter((row) => !row.closest("[hidden]"));
  const goTo = (row) => (row?.querySelector(":checked") ?? row?.querySelector(".choice:not([hidden]) input"))?.focus();
  function goOn(row) {
    if (!row) return;
    const fields = rows(), at = fields.indexOf(row);
    goTo([...fields.slice(at + 1), ...fields.slice(0, at)].find((one) => !one.querySelector(":checked")));
  }
  addEventListener("ft:chosen", (event) => goOn(event.target.closest("[data-row]")));
  addEventListener("click", (event) => {
    const goes = event.target.closest?.("[data-goes]");
    if (!goes) return;
    const fields = rows(), at = fields.findIndex((row) => row.matches(".now"));
    goTo(fields.at((at + Number(goes.dataset.goes)) % fields.length));
  });

  // ── Fields that are asked only where another has a value.
  function ask() {
    const page = form();
    if (!page) return;
    for (const part of all("[data-when]", page)) {
      const chosen = page.querySelector(`[name="${CSS.escape(INPUT + part.dataset.when)}"]:checked`);
      part.hidden = chosen?.value !== part.dataset.equals;
    }
  }
  const holds = (search) => (choice) => choice.textContent.toLowerCase().includes(search.value.trim().toLowerCase());
  function narrow(search) {
    for (const choice of all(".choice", search.closest("fieldset")))
      choice.hidden = !holds(search)(choice) && !choice.querySelector(":checked");
  }
  function count() {
    for (const place of all("[data-words]")) {
      const words = document.getElementById(place.dataset.words)?.value.trim().split(/\s+/).filter(Boolean).length ?? 0;
      place.textContent = `${words} word${words === 1 ? "" : "s"}`;
    }
  }
  function prepare() {
    if (!form()) return;
    shownAt = performance.now();
    failures = 0;
    ask();
    count();
    fetchAhead();
  }
  addEventListener("DOMContentLoaded", prepare);
  addEventListener("htmx:afterSettle", (event) => { if (event.target === document.body || event.target.querySelector?.("form[data-label]")) prepare(); });
})();
