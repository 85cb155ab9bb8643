/* Which cases of a test set are selected, and which pass the filter: what its table and its charts share. */
"use strict";

opml.Selection = class {
  constructor() {
    this.selected = new Set();
    this.origin = "";
    this.passing = null; // the cases that pass the table's filter; null for all
    this.listeners = [];
  }

  listen(listener) {
    this.listeners.push(listener);
  }

  tell(source) {
    this.listeners.forEach((listener) => listener(source));
  }

  /* Replace the selection by these cases. */
  select(cases, source) {
    this.selected = new Set(cases);
    this.origin = this.selected.size ? source : "";
    this.tell(source);
  }

  toggle(name, source) {
    if (!this.selected.delete(name)) this.selected.add(name);
    this.origin = this.selected.size ? source : "";
    this.tell(source);
  }

  filter(passing, source) {
    this.passing = passing;
    this.tell(source);
  }

  /* Whether a chart shows a case in full. */
  shows(name) {
    return (!this.selected.size || this.selected.has(name)) && (!this.passing || this.passing.has(name));
  }
};
