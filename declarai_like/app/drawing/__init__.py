"""Drawings of a graph: Mermaid text, and SVG or PNG made by Graphviz."""
