// Keeps the page up to date; without it the page is the same, and moves when it is loaded again.
"use strict";
const live = document.getElementById("live");
const lately = document.getElementById("lately");
const pulse = document.getElementById("pulse");
const source = new EventSource(live.dataset.from);
// What somebody has ticked or unfolded stays so.
const fill = (part, html) => {
  const ticked = new Set([...part.querySelectorAll("input:checked")].map((box) => box.value));
  const open = new Set([...part.querySelectorAll("details[open] > summary")].map((each) => each.textContent));
  part.innerHTML = html;
  for (const box of part.querySelectorAll("input[type=checkbox]")) box.checked = ticked.has(box.value);
  for (const each of part.querySelectorAll("details > summary")) each.parentElement.open ||= open.has(each.textContent);
};
source.onopen = () => { pulse.hidden = false; };
source.onerror = () => { pulse.hidden = true; };
source.onmessage = (event) => fill(live, event.data);
source.addEventListener("lately", (event) => fill(lately, event.data));
