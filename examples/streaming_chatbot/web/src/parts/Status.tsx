import type { Trouble, View } from "../chat/view.ts"

interface Props {
  readonly view: View
  readonly onRetry: () => void
}

/** The status of the connection, and errors. */
export function Status({ view: { connected, phase, trouble }, onRetry }: Props) {
  return (
    <>
      <div role="status" className="connection" data-testid="connection">
        {!connected && phase !== "ready" && "Reconnecting…"}
      </div>
      <div role="alert">
        {trouble !== undefined && (
          <div className={`trouble ${trouble.kind}`} data-testid="trouble" data-kind={trouble.kind}>
            <p>{words(trouble)}</p>
            {trouble.kind !== "refused" && (
              <button type="button" onClick={onRetry} data-testid="retry">
                {trouble.kind === "unfinished" ? "Continue" : "Try again"}
              </button>
            )}
          </div>
        )}
      </div>
    </>
  )
}

function words(trouble: Trouble): string {
  if (trouble.kind === "unfinished") return "The last answer is not finished."
  if (trouble.kind === "lost") return "The server is not reachable."
  return trouble.message
}
