"""The paper beside what was measured, as a document of Markdown, as plain data, and the words that both share."""
