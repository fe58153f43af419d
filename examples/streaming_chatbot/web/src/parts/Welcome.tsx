import { DECLINED, EXAMPLES } from "../chat/chatbot.ts"

/** What is seen before anything was said. */
export function Welcome({ onChoose }: { readonly onChoose: (prompt: string) => void }) {
  return (
    <section className="welcome" aria-labelledby="welcome" data-testid="welcome">
      <h2 id="welcome">What shall it be?</h2>
      <p>
        A small state machine reads your words, checks them, decides what is wanted, and streams its answer.
      </p>
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
