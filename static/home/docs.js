// Opens the platform's OpenAPI file in the reader, light or dark as the other pages are.
const system = matchMedia("(prefers-color-scheme: dark)");
const theme = document.cookie.match(/(?:^|; )nx_theme=(\w+)/)?.[1] ?? "auto";
const paint = () => document.documentElement.classList.toggle("dark-mode", theme === "dark" || (theme === "auto" && system.matches));
system.addEventListener("change", paint);
paint();
const target = document.getElementById("docs");
SwaggerUIBundle({ url: target.dataset.openapi, domNode: target, deepLinking: true, validatorUrl: null });
