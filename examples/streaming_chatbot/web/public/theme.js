// Before the page is drawn, so that it does not flash in the other colours
try {
  const theme = localStorage.getItem("chatbot.theme")
  if (theme === "light" || theme === "dark") document.documentElement.dataset.theme = theme
} catch {
  // Nothing may be kept here: the system's colours are used
}
