// Opens the platform's OpenAPI file in the reader.
const target = document.getElementById("docs");
SwaggerUIBundle({ url: target.dataset.openapi, domNode: target, deepLinking: true, validatorUrl: null });
