// Marks in the answers: wrong, unsafe, excellent, each with a comment. Offsets count code points of the text as it was shown, as
// the server does; the marks stand as JSON in the form's hidden field, so drafts and submits carry them.
(() => {
  const form = document.querySelector("form.bench");
  const dialog = document.getElementById("mark");
  if (!form || !dialog) return;
  const field = form.elements.spans;
  const WORDS = { wrong: "Wrong", unsafe: "Unsafe", excellent: "Excellent" };
  const BLANK_LINES = /\n[ \t]*(?:\n[ \t]*)+/g; // as texts.paragraphs on the server
  const answers = new Map([...form.querySelectorAll("[data-answer]")].map((box) => [box.dataset.answer, new Answer(box)]));
  let marks = read();

  function read() {
    try {
      const found = JSON.parse(field.value || "[]");
      return found.filter((mark) => answers.has(mark.key) && WORDS[mark.kind] && 0 <= mark.start && mark.start < mark.end);
    } catch {
      return [];
    }
  }

  function Answer(box) {
    this.box = box;
    this.list = box.parentElement.querySelector(".spans");
    this.points = [...box.dataset.text];
    this.starts = new WeakMap(); // text node → offset of its first code point
  }

  // ── Drawing
  function draw() {
    for (const [key, answer] of answers) {
      const own = marks.filter((mark) => mark.key === key).sort((a, b) => a.start - b.start || a.end - b.end);
      if (answer.points.length) answer.box.replaceChildren(...paragraphs(answer, own));
      answer.list.hidden = !own.length;
      answer.list.replaceChildren(...own.map((mark, at) => footnote(mark, at + 1)));
    }
  }
  function paragraphs(answer, own) {
    const text = answer.points.join("");
    const cuts = [...text.matchAll(BLANK_LINES)].map((gap) => [length(text, gap.index), length(text, gap.index + gap[0].length)]);
    const bounds = [0, ...cuts.flat(), answer.points.length];
    const made = [];
    for (let at = 0; at < bounds.length; at += 2) {
      const [start, end] = [bounds[at], bounds[at + 1]];
      if (start >= end) continue;
      const paragraph = document.createElement("p");
      let from = start;
      for (let here = start; here <= end; here++) {
        if (here < end && answer.points[here] !== "\n") continue;
        line(paragraph, answer, own, from, here);
        if (here < end) paragraph.append(document.createElement("br"));
        from = here + 1;
      }
      made.push(paragraph);
    }
    return made;
  }
  function line(parent, answer, own, start, end) {
    const edges = new Set([start, end]);
    for (const mark of own) for (const edge of [mark.start, mark.end]) if (start < edge && edge < end) edges.add(edge);
    const sorted = [...edges].sort((a, b) => a - b);
    for (let at = 0; at + 1 < sorted.length; at++) {
      const [from, to] = [sorted[at], sorted[at + 1]];
      const node = document.createTextNode(answer.points.slice(from, to).join(""));
      answer.starts.set(node, from);
      const over = own.filter((mark) => mark.start <= from && to <= mark.end);
      if (!over.length) {
        parent.append(node);
        continue;
      }
      const mark = document.createElement("mark");
      mark.className = over.at(-1).kind;
      mark.append(node);
      for (const one of over.filter((one) => one.end === to)) {
        const number = document.createElement("sup");
        number.textContent = String(own.indexOf(one) + 1);
        mark.append(number);
      }
      parent.append(mark);
    }
  }
  function footnote(mark, number) {
    const item = document.createElement("li");
    const digit = document.createElement("b");
    digit.textContent = String(number);
    item.append(digit, ` ${WORDS[mark.kind]} `);
    if (mark.comment) {
      const why = document.createElement("span");
      why.className = "soft";
      why.textContent = `${mark.comment} `;
      item.append(why);
    }
    const remove = document.createElement("button");
    remove.type = "button";
    remove.textContent = "Remove";
    remove.setAttribute("aria-label", `Remove mark ${number} in ${mark.key}`);
    remove.addEventListener("click", () => keep(marks.filter((other) => other !== mark)));
    item.append(remove);
    return item;
  }
  const length = (text, units) => [...text.slice(0, units)].length;
  function keep(next) {
    marks = next;
    field.value = JSON.stringify(marks);
    draw();
    form.dispatchEvent(new Event("input", { bubbles: true })); // a draft is due
  }

  // ── Choosing: what is selected, else a sentence of the answer whose scale is marked
  let row = null; // the scale that digits went to when the dialog opened
  let chosen = null; // { key, start, end, sentences, at, until }
  function selected() {
    const selection = getSelection();
    if (!selection.rangeCount || selection.isCollapsed) return null;
    const range = selection.getRangeAt(0);
    for (const [key, answer] of answers) {
      if (!range.intersectsNode(answer.box)) continue;
      let start = null, end = null;
      const walker = document.createTreeWalker(answer.box, NodeFilter.SHOW_TEXT);
      for (let node = walker.nextNode(); node; node = walker.nextNode()) {
        const first = answer.starts.get(node);
        if (first === undefined || !range.intersectsNode(node)) continue;
        const from = node === range.startContainer ? length(node.data, range.startOffset) : 0;
        const to = node === range.endContainer ? length(node.data, range.endOffset) : [...node.data].length;
        start ??= first + from;
        end = first + to;
      }
      if (start === null) continue;
      while (start < end && !answer.points[start].trim()) start++;
      while (start < end && !answer.points[end - 1].trim()) end--;
      if (start < end) return { key, start, end };
    }
    return null;
  }
  function sentences(answer) {
    const text = answer.points.join("");
    const pieces = [...new Intl.Segmenter(undefined, { granularity: "sentence" }).segment(text)];
    return pieces.map((piece) => {
      const start = length(text, piece.index) + [...piece.segment].findIndex((point) => point.trim());
      return { start, end: start + [...piece.segment.trim()].length };
    }).filter((one) => one.start < one.end);
  }
  function open() {
    const found = selected();
    row = document.querySelector(".scale.now");
    const here = row?.closest(".bench-answer")?.querySelector("[data-answer]")?.dataset.answer;
    const key = found?.key ?? here ?? answers.keys().next().value;
    const all = sentences(answers.get(key));
    if (!found && !all.length) return;
    chosen = found ?? { key, sentences: all, at: 0, until: 0 };
    dialog.querySelector("[data-mark-move]").hidden = Boolean(found);
    dialog.querySelector("[data-mark-answer]").textContent = key;
    dialog.querySelector("form").reset();
    show();
    dialog.returnValue = "";
    dialog.showModal();
    dialog.querySelector("[name=kind]:checked").focus();
  }
  function show() {
    if (chosen.sentences) {
      chosen.start = chosen.sentences[chosen.at].start;
      chosen.end = chosen.sentences[chosen.until].end;
    }
    dialog.querySelector("[data-mark-text]").textContent = answers.get(chosen.key).points.slice(chosen.start, chosen.end).join("");
  }
  function move(how) {
    if (!chosen?.sentences) return;
    const last = chosen.sentences.length - 1;
    if (how === "longer") chosen.until = Math.min(last, chosen.until + 1);
    if (how === "shorter") chosen.until = Math.max(chosen.at, chosen.until - 1);
    if (how === "on") chosen.at = chosen.until = Math.min(last, chosen.until + 1);
    if (how === "back") chosen.at = chosen.until = Math.max(0, chosen.at - 1);
    show();
  }

  const opener = document.querySelector(".actionbar [data-key=m]");
  opener.addEventListener("mousedown", (event) => event.preventDefault()); // what is selected stays selected
  opener.addEventListener("click", open);
  dialog.addEventListener("click", (event) => {
    const how = event.target.closest("[data-move]")?.dataset.move;
    if (how) move(how);
  });
  dialog.addEventListener("keydown", (event) => {
    if (event.target.id === "mark-comment" || event.ctrlKey || event.metaKey || event.altKey) return;
    const how = { ArrowLeft: "back", ArrowRight: "on", "+": "longer", "-": "shorter", "−": "shorter" }[event.key];
    const kind = dialog.querySelectorAll("[name=kind]")[Number(event.key) - 1];
    if (how) move(how);
    else if (kind) {
      kind.checked = true;
      dialog.querySelector("#mark-comment").focus();
    } else return;
    event.preventDefault();
  });
  dialog.addEventListener("close", () => {
    if (dialog.returnValue === "keep" && chosen) {
      const kind = dialog.querySelector("[name=kind]:checked").value;
      const comment = dialog.querySelector("#mark-comment").value.trim();
      const { key, start, end } = chosen;
      const others = marks.filter((mark) => mark.key !== key || mark.start !== start || mark.end !== end); // marked anew: the last word counts
      keep([...others, { key, start, end, kind, comment }]);
    }
    chosen = null;
    row?.querySelector(":checked, [type=radio]")?.focus({ preventScroll: true }); // back to the marked scale
  });

  draw();
})();
