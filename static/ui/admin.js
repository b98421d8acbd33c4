// The operations admin follows the product's theme: its own switch reads the same choice from local storage.
const chosen = document.cookie.match(/(?:^|; )nx_theme=(auto|light|dark)/)?.[1];
if (chosen) localStorage.setItem("theme", chosen);
