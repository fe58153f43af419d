// Runs before the first paint, so that the page does not flash in the other theme
try {
  const theme = localStorage.getItem("chatbot.theme")
  if (theme === "light" || theme === "dark") document.documentElement.dataset.theme = theme
} catch {
  // Local storage is disabled: use the system's theme
}
