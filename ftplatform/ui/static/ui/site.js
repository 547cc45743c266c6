// What every page needs to feel alive. No inline script, no eval; all listeners stand on the document, so that what htmx swaps in is alive too.
(() => {
  const root = document.documentElement;
  const all = (selector, within = document) => [...within.querySelectorAll(selector)];

  // ── Theme: shown at once, kept on the server, which renders data-theme on the next page.
  addEventListener("change", (event) => {
    const form = event.target.closest?.("[data-theme-form]");
    if (!form) return;
    if (event.target.value === "auto") delete root.dataset.theme;
    else root.dataset.theme = event.target.value;
    fetch(form.action, { method: "POST", body: new FormData(form), headers: { Accept: "application/json" } })
      .then((answer) => { if (!answer.ok) throw new Error(answer.status); })
      .catch(() => toast("The theme could not be saved; it holds for this page."));
  });

  // ── Toasts: what was done, said once; gone after eight seconds unless pointed at, or by Escape.
  function toast(text) {
    const box = document.createElement("div");
    box.className = "toast";
    box.setAttribute("role", "status");
    box.dataset.toast = "";
    box.textContent = text;
    for (const other of all("[data-toast]")) other.remove();
    document.body.append(box);
    expire(box);
  }
  function expire(box) {
    setTimeout(() => (box.matches(":hover, :focus-within") ? expire(box) : box.remove()), 8000);
  }

  // ── htmx: a refusal is told, never silent. The page's sentence is in the element marked data-refusal.
  addEventListener("htmx:responseError", (event) => {
    const page = new DOMParser().parseFromString(event.detail.xhr.responseText, "text/html");
    toast(page.querySelector("[data-refusal]")?.textContent.trim() || `The server refused this (${event.detail.xhr.status}). Reload the page and try again.`);
  });
  // A log that is followed stays at its end; one that was scrolled up stays where it was.
  const toEnd = (log) => { log.scrollTop = log.scrollHeight; };
  const logs = new Map();
  addEventListener("htmx:beforeSwap", () => {
    for (const log of all(".log[data-follow][id]")) logs.set(log.id, log.scrollHeight - log.scrollTop - log.clientHeight < 24 ? null : log.scrollTop);
  });
  addEventListener("htmx:afterSettle", () => {
    for (const log of all(".log[data-follow][id]")) if (logs.get(log.id) == null) toEnd(log); else log.scrollTop = logs.get(log.id);
  });
  addEventListener("htmx:sendError", () => toast("The server does not answer. What you typed is still here; try again."));
  addEventListener("htmx:afterSettle", (event) => { for (const box of all("[data-toast]", event.target)) expire(box); });

  addEventListener("DOMContentLoaded", () => {
    document.querySelector(".loop [aria-current]")?.scrollIntoView({ inline: "center", block: "nearest" });
    all("[data-toast]").forEach(expire);
    all(".log[data-follow]").forEach(toEnd);
    document.querySelector("[data-opens-at-once]")?.showModal();
  });

  // ── Menus: one open at a time; Escape or a click elsewhere closes it.
  addEventListener("toggle", (event) => {
    if (event.target.matches?.(".menu[open]"))
      for (const other of all(".menu[open]")) if (other !== event.target) other.open = false;
  }, true);
  addEventListener("click", (event) => {
    for (const menu of all(".menu[open]")) if (!menu.contains(event.target)) menu.open = false;
  });

  // ── Dialogs and small duties of forms.
  addEventListener("click", (event) => {
    const opener = event.target.closest?.("[data-opens]");
    if (opener) document.getElementById(opener.dataset.opens)?.showModal();
    const closer = event.target.closest?.("[data-closes]");
    if (closer) closer.closest("dialog")?.close();
    const copier = event.target.closest?.("[data-copies]");
    if (copier) navigator.clipboard?.writeText(document.getElementById(copier.dataset.copies).textContent.trim()).then(() => toast("Copied."));
  });
  addEventListener("change", (event) => {
    if (event.target.closest?.("[data-theme-form]")) return;
    event.target.form?.matches("[data-autosubmit]") && event.target.form.requestSubmit();
  });
  // A second click on a form that is on its way does nothing.
  addEventListener("submit", (event) => {
    if (event.target.method !== "post" || event.target.matches("[hx-post], [data-hx-post]")) return;
    if (event.target.getAttribute("aria-busy") === "true") event.preventDefault();
    else event.target.setAttribute("aria-busy", "true");
  });
  addEventListener("pageshow", () => { for (const form of all("form[aria-busy]")) form.removeAttribute("aria-busy"); });

  // ── Keys stand in the markup as data-key and never fire while someone types. They belong to the marked row, then to its answer, then to
  // the page. A row is a scale of the bench, or one of several fields of a labeler's page.
  const ROW = ".scale, [data-row]";
  const marked = () => document.querySelector(`:is(${ROW}).now`);
  const typing = (target) => target.matches("textarea, select, input:not([type=radio], [type=checkbox]), [contenteditable]");
  addEventListener("keydown", (event) => {
    if (event.isComposing) return;
    if (event.key === "Escape") {
      for (const menu of all(".menu[open]")) menu.open = false;
      for (const box of all("[data-toast]")) box.remove();
    }
    if ((event.ctrlKey || event.metaKey) && event.key.toLowerCase() === "k") {
      const search = document.querySelector("[data-search]");
      if (search) { event.preventDefault(); search.click(); }
      return;
    }
    // Ctrl+Enter submits from within a text.
    if ((event.ctrlKey || event.metaKey) && event.key === "Enter" && event.target.matches("textarea")) return press(event, find("Enter"));
    if (event.ctrlKey || event.metaKey || event.altKey || typing(event.target)) return;
    if (document.querySelector("dialog[open]")) return;
    if (event.key === "Enter" && event.target.matches("a, button, summary")) return;
    if (event.repeat && event.key === "Enter") return;
    press(event, find(event.key));
  });
  function find(name) {
    const key = `[data-key="${CSS.escape(name)}"]`;
    const row = marked();
    return row?.querySelector(key) ?? row?.closest(".bench-cells")?.querySelector(key)
      ?? all(key).find((one) => !row || !one.closest(`${ROW}, .bench-cells`));
  }
  function press(event, target) {
    if (!target || target.matches(":disabled")) return;
    event.preventDefault();
    const row = marked();
    target.click();
    if (!target.isConnected) return;
    // A tick pressed from another row leaves the marked row where it is: the next digit belongs there.
    if (!target.matches("[data-key=o], [data-goes], [type=checkbox]")) target.focus({ preventScroll: true });
    if (!row?.contains(target) || target.type !== "radio") return;
    if (row.matches("[data-row]")) return target.dispatchEvent(new Event("ft:chosen", { bubbles: true })); // label.js knows which is next
    const rows = all(".scale:not(:disabled)");
    stand(rows[rows.indexOf(row) + 1]);
  }

  // The row that digits go to: the next one after a key, the touched one after a click.
  function stand(row) {
    if (!row) return;
    for (const other of all(`:is(${ROW}).now`)) {
      other.classList.remove("now");
      other.removeAttribute("aria-current");
    }
    row.classList.add("now");
    row.setAttribute("aria-current", "true");
  }
  addEventListener("focusin", (event) => { if (marked()) stand(event.target.closest(ROW)); });

  // ── The bench. "Other answer" and the switch go to the same part of another answer and keep it at the same height on the screen.
  const answers = () => all("form.bench > .bench-answer");
  const links = () => all(".switch a");
  const parts = (answer) => all(".bench-text, .scale", answer);
  const switched = () => links()[0]?.offsetParent;
  const inView = () => answers().findLast((answer) => answer.getBoundingClientRect().top < innerHeight / 2) ?? answers()[0];
  const go = (from, to) => {
    const at = Math.max(0, parts(from).findLastIndex((part) => part.getBoundingClientRect().top < innerHeight / 2));
    scrollBy(0, parts(to)[at].getBoundingClientRect().top - parts(from)[at].getBoundingClientRect().top);
  };
  addEventListener("click", (event) => {
    if (!document.querySelector("form.bench")) return;
    const link = event.target.closest?.(".switch a");
    if (link) {
      event.preventDefault();
      go(inView(), answers()[links().indexOf(link)]);
    } else if (event.target.closest?.("[data-key=o]")) {
      const row = marked();
      const from = (switched() ? inView() : answers().find((answer) => answer.contains(row))) ?? answers()[0];
      const to = answers()[(answers().indexOf(from) + 1) % answers().length];
      if (switched()) go(from, to);
      stand(parts(to)[parts(from).indexOf(row)] ?? to.querySelector(".scale"));
    }
  });
  addEventListener("scroll", () => {
    if (!document.querySelector("form.bench")) return;
    const here = answers().indexOf(inView());
    links().forEach((link, at) => (at === here ? link.setAttribute("aria-current", "true") : link.removeAttribute("aria-current")));
  }, { passive: true });
  addEventListener("change", (event) => {
    if (!event.target.closest?.("form.bench")) return;
    if (event.target.matches("[data-cannot]"))
      for (const row of all(".scale", event.target.closest(".bench-cells"))) row.disabled = event.target.checked;
    count();
  });
  function count() {
    const open = (within) => all(".bench-cells .scale:not(:disabled)", within).filter((row) => !row.querySelector("[type=radio]:checked")).length;
    answers().forEach((answer, at) => {
      const word = links()[at]?.lastElementChild;
      const rows = all(".bench-cells .scale", answer).length;
      if (word) word.textContent = answer.querySelector("[data-cannot]")?.checked ? "not judged" : open(answer) ? `${open(answer)} of ${rows} to go` : "rated";
    });
    const left = document.querySelector("[data-left=all]");
    const total = all("form.bench .bench-cells .scale").length;
    if (left) left.textContent = open(document) ? `${open(document)} of ${total} to go` : "Ready";
    const submit = document.querySelector(".actionbar .primary");
    if (submit) submit.disabled = open(document) > 0;
  }
  const prepare = () => { if (document.querySelector("form.bench")) count(); };
  addEventListener("DOMContentLoaded", prepare);
  addEventListener("htmx:afterSettle", prepare);
})();
