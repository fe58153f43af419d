import { DarkIcon, LightIcon, Mark, NewIcon } from "./icons.tsx"
import { useTheme } from "./useTheme.ts"

export function Header({ onNew, isNew }: { readonly onNew: () => void; readonly isNew: boolean }) {
  const { theme, toggle } = useTheme()
  const other = theme === "dark" ? "light" : "dark"
  return (
    <header className="head">
      <h1>
        <Mark /> Streaming chatbot
      </h1>
      <button type="button" className="quiet" onClick={onNew} disabled={isNew} data-testid="new">
        <NewIcon />
        <span className="wide-only">New conversation</span>
      </button>
      <button
        type="button"
        className="quiet"
        onClick={toggle}
        aria-label={`Switch to ${other} colours`}
        title={`Switch to ${other} colours`}
        data-testid="theme"
      >
        {theme === "dark" ? <LightIcon /> : <DarkIcon />}
      </button>
    </header>
  )
}
