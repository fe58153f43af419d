import { DECLINED, EXAMPLES } from "../chat/chatbot.ts"

/** The page before the first message. */
export function Welcome({ onChoose }: { readonly onChoose: (prompt: string) => void }) {
  return (
    <section className="welcome" aria-labelledby="welcome" data-testid="welcome">
      <h2 id="welcome">What would you like?</h2>
      <p>A small state machine reads your message, checks it, decides what to do, and streams its answer.</p>
      <ul className="examples">
        {EXAMPLES.map(({ label, prompt }) => (
          <li key={label}>
            <button type="button" className="example" onClick={() => onChoose(prompt)} data-testid="example">
              <strong>{label}</strong>
              <span>{prompt}</span>
            </button>
          </li>
        ))}
      </ul>
      <p className="aside">
        Or{" "}
        <button
          type="button"
          className="link"
          onClick={() => onChoose(DECLINED.prompt)}
          data-testid="example-unsafe"
        >
          {DECLINED.label.toLowerCase()}
        </button>
        .
      </p>
    </section>
  )
}
