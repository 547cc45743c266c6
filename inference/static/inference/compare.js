// The list keeps the current ticket in view: each step with j and k is a new page.
addEventListener("DOMContentLoaded", () => {
  const list = document.querySelector(".compare > nav");
  const current = list?.querySelector("[aria-current]");
  if (current) list.scrollTop = current.offsetTop - list.offsetTop - list.clientHeight / 2;
});
