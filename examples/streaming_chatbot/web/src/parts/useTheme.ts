import { useEffect, useState, useSyncExternalStore } from "react"
import { read, write } from "../chat/storage.ts"

type Theme = "light" | "dark"

const KEY = "chatbot.theme"
const systemIsDark = matchMedia("(prefers-color-scheme: dark)")

function onSystem(changed: () => void): () => void {
  systemIsDark.addEventListener("change", changed)
  return () => systemIsDark.removeEventListener("change", changed)
}

/** Return the theme, which is the system's unless the user chose another, and a function that toggles it. */
export function useTheme() {
  const system: Theme = useSyncExternalStore(onSystem, () => systemIsDark.matches) ? "dark" : "light"
  const [chosen, setChosen] = useState<Theme | undefined>(saved)
  const theme = chosen ?? system

  useEffect(() => {
    write(KEY, chosen)
    if (chosen === undefined) delete document.documentElement.dataset.theme
    else document.documentElement.dataset.theme = chosen
  }, [chosen])

  const toggle = () => {
    const other: Theme = theme === "dark" ? "light" : "dark"
    // Choosing the system's theme means following the system again
    setChosen(other === system ? undefined : other)
  }
  return { theme, toggle }
}

function saved(): Theme | undefined {
  const theme = read(KEY)
  return theme === "light" || theme === "dark" ? theme : undefined
}
