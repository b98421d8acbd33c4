// <nx-copy>: a button that copies the text of the <pre> or <code> inside (or its `text` attribute).
class NxCopy extends HTMLElement {
  connectedCallback() {
    if (this.querySelector(".copy-button") || !navigator.clipboard) return;
    const button = document.createElement("button");
    button.type = "button";
    button.className = "copy-button";
    button.setAttribute("aria-label", "Copy");
    button.title = "Copy";
    button.textContent = "⧉";
    button.addEventListener("click", async (event) => {
      event.preventDefault();
      event.stopPropagation();
      const text = this.getAttribute("text") ?? this.querySelector("pre, code")?.textContent ?? "";
      const ok = await navigator.clipboard.writeText(text).then(() => true, () => false);
      button.textContent = ok ? "✓" : "!";
      const said = { text: ok ? "Copied." : "The browser did not allow copying.", bad: !ok };
      document.dispatchEvent(new CustomEvent("nx:toast", { detail: said }));
      setTimeout(() => { button.textContent = "⧉"; }, 1500);
    });
    this.append(button);
  }
}
customElements.define("nx-copy", NxCopy);
