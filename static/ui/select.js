// Rows of a list: one box for the whole page, "all that match", the number chosen in words; the choice outlives a refresh.
const chosen = new Set();
const forms = () => document.querySelectorAll("form[data-select]");
const boxes = (form) => [...form.querySelectorAll("tbody input[type=checkbox]")];

function dress(form) {
  const head = form.querySelector("[data-select-page]");
  if (!head || head.querySelector("input")) return;
  const box = document.createElement("input");
  box.type = "checkbox";
  box.setAttribute("aria-label", "Choose all rows of this page");
  box.addEventListener("change", () => {
    boxes(form).forEach((one) => { one.checked = box.checked; keep(one); });
    tell(form);
  });
  head.prepend(box);
  boxes(form).forEach((one) => { one.checked ||= chosen.has(one.value); keep(one); });
  form.querySelector("[data-select-words]").dataset.plain = form.querySelector("[data-select-words]").textContent;
  tell(form);
}

function keep(box) {
  box.checked ? chosen.add(box.value) : chosen.delete(box.value);
}

function tell(form) {
  const head = form.querySelector("[data-select-page] input");
  if (!head) return; // who only looks on has no boxes
  const all = form.querySelector("[data-select-all]").checked;
  const rows = boxes(form);
  const some = rows.filter((one) => one.checked).length;
  rows.forEach((one) => { one.disabled = all; });
  head.disabled = all;
  head.checked = some === rows.length;
  head.indeterminate = some > 0 && some < rows.length;
  const words = form.querySelector("[data-select-words]");
  words.textContent = all ? "Acts on all that match the filters, on every page." : some ? `${some} chosen on this page.` : words.dataset.plain;
  form.querySelectorAll("button[name=action]").forEach((one) => { one.disabled = !all && !some; });
}

document.addEventListener("change", (event) => {
  const form = event.target.closest("form[data-select]");
  if (!form || !event.target.matches("input[type=checkbox]")) return;
  if (event.target.matches("tbody input")) keep(event.target);
  tell(form);
});
document.addEventListener("htmx:afterSettle", () => forms().forEach(dress));
addEventListener("pageshow", () => forms().forEach((form) => { dress(form); tell(form); }));
forms().forEach(dress);
