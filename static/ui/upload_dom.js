/* Builds elements. Text is only ever text: nothing of a file or of the server is read as markup. */

/** Return a new element: attributes (false and null are left out, `on…` are listeners), then children or text. */
export function make(tag, given = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(given)) {
    if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
    else if (value === true) element.setAttribute(name, "");
    else if (value !== false && value !== null && value !== undefined) element.setAttribute(name, value);
  }
  element.append(...children.flat(Infinity).filter((child) => child !== null && child !== undefined && child !== false));
  return element;
}

/** Return one icon of the sprite that the page names. */
export function icon(name) {
  const space = "http://www.w3.org/2000/svg";
  const sprite = document.querySelector("[data-sprite]")?.dataset.sprite ?? "";
  const drawing = document.createElementNS(space, "svg");
  const use = document.createElementNS(space, "use");
  drawing.setAttribute("class", "icon");
  drawing.setAttribute("aria-hidden", "true");
  use.setAttribute("href", `${sprite}#${name}`);
  drawing.append(use);
  return drawing;
}

/** Return a state as the chips of the other pages show it. */
export function chip(tone, glyph, word) {
  return make("span", { class: `chip tone-${tone}` }, icon(glyph), make("span", {}, word));
}

/** Tell a problem at an element: what happened, what to do, and the request id to ask about. */
export function tell(place, problem) {
  place.replaceChildren();
  if (!problem) return;
  const id = problem.requestId ? make("p", { class: "quiet small" }, `${problem.code} · request id ${problem.requestId}`) : null;
  place.append(make("div", { class: "problem", role: "alert" },
    make("p", {}, make("b", {}, problem.message)), problem.advice ? make("p", {}, problem.advice) : null, id));
  place.scrollIntoView({ block: "nearest" });
}

/** Return the option elements of a select; `options` are [value, label]. */
export function options(pairs, chosen) {
  return pairs.map(([value, label]) => make("option", { value, selected: String(value) === String(chosen ?? "") }, label));
}

/** Return a word as a shell takes it for one. */
export function quoted(name) {
  return /^[\w./-]+$/.test(name) ? name : `'${name.replaceAll("'", "'\\''")}'`;
}
