// The preview of rows: the row that the address names is brought into view; the page of rows can be copied as TSV.
const current = document.querySelector(".ds-rows .is-current");
const room = current?.closest(".ds-rows");
if (room) room.scrollTop = current.offsetTop - room.clientHeight / 2;

const button = document.querySelector("[data-copy-rows]");
if (button && navigator.clipboard) {
  button.hidden = false;
  button.addEventListener("click", async () => {
    const rows = [...document.querySelectorAll(".ds-rows tr")];
    const text = rows.map((row) => [...row.children].map((cell) => cell.querySelector(".none") ? "" : cell.textContent.trim()).join("\t")).join("\n");
    await navigator.clipboard.writeText(text);
    const label = button.textContent;
    button.textContent = "Copied";
    setTimeout(() => { button.textContent = label; }, 1500);
  });
}
