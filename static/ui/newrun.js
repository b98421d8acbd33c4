// The form of a new backtest: choosing other data moves the days into what the data covers, and says so.
document.addEventListener("change", (event) => {
  const box = event.target;
  const form = box.closest?.(".new-backtest");
  if (!form || box.name !== "dataset") return;
  const chosen = [...form.querySelectorAll("input[name=dataset]:checked")].filter((one) => one.dataset.first);
  if (!chosen.length) return;
  // Half-way between "all of each" and "none": the days that every chosen version covers.
  const first = chosen.map((one) => one.dataset.first).sort().at(-1);
  const last = chosen.map((one) => one.dataset.last).sort()[0];
  const { start, end } = form.elements;
  for (const field of [start, end]) [field.min, field.max] = [first, last];
  if (first > last) return; // nothing in common: the look before the start tells
  const inside = start.value >= first && start.value <= last && end.value >= start.value && end.value <= last;
  if (!inside) [start.value, end.value] = [first, last];
}, true);
