/* The theme of a page: light, dark, or as the system has it. The choice is stored where the browser lets us. */
"use strict";
var opml = window.opml || {};
window.opml = opml;

opml.theme = (function () {
  const dark = window.matchMedia("(prefers-color-scheme: dark)");
  const names = { auto: "as the system", light: "light", dark: "dark" };
  const listeners = [];
  let choice = "auto";
  try {
    const stored = window.localStorage.getItem("opml-theme");
    if (stored in names) choice = stored;
  } catch (error) {
    // a page from a file may have no storage: the choice lasts as long as the page
  }

  function current() {
    return choice === "auto" ? (dark.matches ? "dark" : "light") : choice;
  }

  function apply() {
    const before = document.documentElement.dataset.theme;
    document.documentElement.dataset.theme = current();
    const select = document.getElementById("theme");
    if (select) select.value = choice;
    if (before !== current()) listeners.forEach((listener) => listener(current()));
  }

  function choose(name) {
    choice = name;
    try {
      window.localStorage.setItem("opml-theme", name);
    } catch (error) {
      // as above
    }
    apply();
  }

  document.documentElement.dataset.theme = current();
  dark.addEventListener("change", apply);
  document.addEventListener("DOMContentLoaded", () => {
    const place = document.getElementById("theme-place");
    if (place) {
      const select = opml.element("select", { id: "theme" });
      Object.entries(names).forEach(([value, text]) => select.append(opml.element("option", { value }, text)));
      select.addEventListener("change", () => choose(select.value));
      place.append(opml.element("label", { for: "theme" }, "Theme "), select);
    }
    apply();
  });
  return { current, listen: (listener) => listeners.push(listener) };
})();

/* Make an element with attributes and children; a child that is a string becomes text, never markup. */
opml.element = function (tag, attributes, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes || {})) {
    if (value === true) element.setAttribute(name, "");
    else if (value !== false && value !== null && value !== undefined) element.setAttribute(name, value);
  }
  element.append(...children);
  return element;
};
