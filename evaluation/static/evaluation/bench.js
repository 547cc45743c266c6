// The bench's own duties beside site.js: drafts that are kept as one goes, the time that was looked at an item, the comment's focus.
(() => {
  const form = document.querySelector("form.bench");
  if (!form) return;
  const shows = (state) => {
    for (const one of document.querySelectorAll("[data-saved] [data-state]")) one.hidden = one.dataset.state !== state;
  };

  // ── Drafts. "Saved" stands only when the server has said so for what is entered now.
  let timer, under = false, dirty = false, stale = null; // stale: what the server said of another tab that was faster
  function touched() {
    if (!form.dataset.draft || stale) return;
    dirty = true;
    shows("saving");
    clearTimeout(timer);
    timer = setTimeout(save, 700);
  }
  async function save() {
    if (under || !dirty || form.getAttribute("aria-busy")) return;
    under = true;
    dirty = false;
    try {
      const body = new URLSearchParams(new FormData(form));
      // Kept alive, the last draft outlives the page; but browsers refuse to keep more than 64 kB alive, so a longer one goes plainly.
      const keepalive = String(body).length < 60000;
      const answer = await fetch(form.dataset.draft, { method: "POST", body, headers: { Accept: "application/json" }, keepalive });
      if (answer.status === 409) {
        stale = await answer.json();
        document.querySelector("[data-why]").textContent = stale.detail;
      }
      if (!answer.ok) throw new Error(String(answer.status));
      form.elements.revision.value = (await answer.json()).draft_revision;
      if (!dirty) shows("saved");
    } catch {
      shows(stale ? "stale" : "unsaved");
      if (!stale) {
        dirty = true;
        timer = setTimeout(save, 5000);
      }
    } finally {
      under = false;
      if (dirty && !stale) {
        clearTimeout(timer);
        timer = setTimeout(save, 1500);
      }
    }
  }
  // "Keep mine": a draft is saved over the other tab's. A rating counts already, so that mine, once submitted, changes it.
  document.querySelector("[data-keeps]")?.addEventListener("click", () => {
    if ("rating" in stale) {
      form.append(Object.assign(document.createElement("input"), { type: "hidden", name: "supersedes", value: stale.rating }));
      delete form.dataset.draft;
      shows("change");
      return;
    }
    form.elements.revision.value = stale.draft_revision;
    stale = null;
    touched();
  });
  const ours = (target) => form.contains(target) || target.form === form;
  addEventListener("input", (event) => { if (ours(event.target)) touched(); });
  addEventListener("visibilitychange", () => { if (document.visibilityState === "hidden") save(); });

  // ── The preference belongs to what has to be complete.
  function complete() {
    const asked = document.querySelector("[name=preference]");
    const submit = document.querySelector(".actionbar .primary");
    if (!asked || !submit) return;
    const open = [...form.querySelectorAll(".bench-cells .scale:not(:disabled)")].some((row) => !row.querySelector("[type=radio]:checked"));
    submit.disabled = open || !document.querySelector("[name=preference]:checked");
  }
  addEventListener("change", (event) => { if (ours(event.target)) complete(); });
  addEventListener("DOMContentLoaded", complete);

  // ── An answer that cannot be judged is passed over: digits go to the next answer's first open scale.
  addEventListener("change", (event) => {
    if (!event.target.matches?.("[data-cannot]")) return;
    const own = event.target.closest(".bench-cells");
    const open = [...form.querySelectorAll(".scale:not(:disabled)")].filter((row) => !row.querySelector("[type=radio]:checked"));
    const next = open.find((row) => own.contains(row)) ?? open[0];
    next?.querySelector("[type=radio]").focus({ preventScroll: true });
  });

  // ── Harm has one kind or none. Ticks, not radios: a key on one leaves the marked row where it is, and a second press takes it back.
  addEventListener("change", (event) => {
    const kinds = event.target.closest?.(".scale")?.querySelector(".harm-kinds");
    if (!kinds || !form.contains(kinds)) return;
    if (event.target.matches("[data-harm]")) kinds.disabled = !event.target.checked;
    if (!kinds.contains(event.target) || !event.target.checked) return;
    for (const other of kinds.querySelectorAll("input")) if (other !== event.target) other.checked = false;
  });

  // ── Seconds in which the page could be seen; a tab in the background does not count.
  let seen = 0, since = document.visibilityState === "visible" ? performance.now() : null;
  addEventListener("visibilitychange", () => {
    if (since !== null) seen += performance.now() - since;
    since = document.visibilityState === "visible" ? performance.now() : null;
  });
  form.addEventListener("submit", () => {
    clearTimeout(timer);
    dirty = false;
    form.elements.seconds.value = ((seen + (since === null ? 0 : performance.now() - since)) / 1000).toFixed(1);
  });

  // ── A comment is written where somebody opens it; one that stands open with its draft leaves the keys to the scales.
  const part = form.querySelector("[data-comment]");
  let asked = false;
  part?.querySelector("summary").addEventListener("click", () => { asked = !part.open; });
  part?.addEventListener("toggle", () => {
    if (part.open && asked) part.querySelector("textarea").focus();
    asked = false;
  });
})();
