/* <nx-upload-url>: the address of a file, pasted or dropped, becomes the terminal line that fetches and sends it. */
import { quoted } from "./upload_dom.js";

class UploadUrl extends HTMLElement {
  connectedCallback() {
    this.field = this.querySelector("input");
    this.field.addEventListener("input", () => this.#answer());
    this.closest("nx-upload").addEventListener("drop", (event) => this.#offered(event.dataTransfer));
    document.addEventListener("paste", (event) => {
      const beside = !event.target.closest?.("input, textarea, select") && this.checkVisibility();
      if (beside && this.#offered(event.clipboardData)) event.preventDefault(); // or it is pasted once more, into the field
    });
    this.#answer();
  }

  /** Take text that was pasted or dropped beside the field, when it is an address and no file came with it; tell whether. */
  #offered(data) {
    const text = data.getData("text/plain").trim();
    if (data.files.length || !/^[a-z][a-z0-9+.-]*:\/\/\S+$/i.test(text)) return false;
    this.field.value = text;
    this.#answer();
    this.field.focus();
    return true;
  }

  #answer() {
    const text = this.field.value.trim();
    const url = fetchable(text);
    this.querySelector("[data-wrong]").hidden = Boolean(url) || !text;
    this.querySelector("[data-answer]").hidden = !url;
    const into = new URL(location).searchParams.get("dataset");
    const more = into ? ` --dataset ${quoted(into)}` : "";
    this.querySelector("[data-line]").textContent = url ? `nexus upload ${quoted(url.href)}${more} --wait` : "";
  }
}

function fetchable(text) {
  try {
    const url = new URL(text);
    return ["http:", "https:"].includes(url.protocol) ? url : null;
  } catch {
    return null;
  }
}

customElements.define("nx-upload-url", UploadUrl);
