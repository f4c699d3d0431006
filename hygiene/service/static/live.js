// Keeps what is now up to date; without it the page is the same, and moves when it is loaded again.
"use strict";
const live = document.getElementById("live");
const pulse = document.getElementById("pulse");
const source = new EventSource(live.dataset.from);
source.onopen = () => { pulse.hidden = false; };
source.onerror = () => { pulse.hidden = true; };
source.onmessage = (event) => {
  const chosen = new Set([...live.querySelectorAll("input:checked")].map((box) => box.value));
  live.innerHTML = event.data;
  for (const box of live.querySelectorAll("input[type=checkbox]")) box.checked = chosen.has(box.value);
};
