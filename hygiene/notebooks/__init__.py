"""The notebooks: written as Markdown, made into .ipynb for the sample or for files of one's own."""
