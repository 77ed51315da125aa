// The API, as /api/openapi.json describes it.

import { fill, h } from "./ui/h.js";
import * as theme from "./ui/theme.js";

theme.begin();
const place = document.getElementById("docs");

function shown(value) {
  return h("pre", JSON.stringify(value, null, 2));
}

function operation(method, path, one) {
  const answers = Object.entries(one.responses).map(([status, answer]) => [status, answer.content ?? answer.description]);
  return h("details.card",
    h("summary", h("span.method", method.toUpperCase()), h("code", path), h("span", one.summary),
      one["x-role"] && h("span.small", one["x-role"])),
    one.parameters.length > 0 && [h("h2", "Parameters"), h("ul", one.parameters.map((parameter) =>
      h("li", h("code", parameter.name), ` (${parameter.in}) `, parameter.description ?? "")))],
    one.requestBody && [h("h2", "Request"), shown(one.requestBody.content)],
    h("h2", "Answers"), shown(Object.fromEntries(answers)));
}

const api = await (await fetch("/api/openapi.json")).json();
const groups = new Map();
for (const [path, methods] of Object.entries(api.paths)) {
  for (const [method, one] of Object.entries(methods)) {
    const group = groups.get(one.tags[0]) ?? [];
    group.push(operation(method, path, one));
    groups.set(one.tags[0], group);
  }
}
fill(place,
  h("h1", `${api.info.title} API ${api.info.version}`),
  h("p.lead", api.info.description),
  h("p", h("a", { href: "/api/openapi.json" }, "/api/openapi.json"), " (OpenAPI 3.1) · ", h("a", { href: "/" }, "Niteru")),
  [...groups].map(([name, all]) => [h("h2", name), all]),
  h("h2", "Shapes"),
  Object.entries(api.components.schemas).map(([name, schema]) =>
    h("details.card", { id: name }, h("summary", h("code", name)), shown(schema))));
