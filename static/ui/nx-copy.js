// <nx-copy>: a button that copies the text of the <pre> or <code> inside (or its `text` attribute).
function glyph(name) {
  const sprite = document.querySelector("svg.icon use")?.getAttribute("href").split("#")[0] ?? "/static/ui/icons.svg";
  const svg = document.createElementNS("http://www.w3.org/2000/svg", "svg");
  const use = document.createElementNS("http://www.w3.org/2000/svg", "use");
  use.setAttribute("href", `${sprite}#${name}`);
  svg.setAttribute("class", "icon");
  svg.setAttribute("aria-hidden", "true");
  svg.append(use);
  return svg;
}

class NxCopy extends HTMLElement {
  connectedCallback() {
    if (this.querySelector(".copy-button") || !navigator.clipboard) return;
    const button = document.createElement("button");
    button.type = "button";
    button.className = "copy-button";
    button.setAttribute("aria-label", "Copy");
    button.title = "Copy";
    button.append(glyph("copy"));
    button.addEventListener("click", async (event) => {
      event.preventDefault();
      event.stopPropagation();
      const text = this.getAttribute("text") ?? this.querySelector("pre, code")?.textContent ?? "";
      const ok = await navigator.clipboard.writeText(text).then(() => true, () => false);
      button.replaceChildren(glyph(ok ? "check" : "cross"));
      const said = { text: ok ? "Copied." : "The browser did not allow copying.", bad: !ok };
      document.dispatchEvent(new CustomEvent("nx:toast", { detail: said }));
      setTimeout(() => button.replaceChildren(glyph("copy")), 1500);
    });
    this.append(button);
  }
}
customElements.define("nx-copy", NxCopy);
