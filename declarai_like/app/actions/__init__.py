"""Actions: the steps of an application, as functions and as classes."""
