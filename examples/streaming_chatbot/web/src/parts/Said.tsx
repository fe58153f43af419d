import { memo } from "react"

/** A message of the user. */
export const Said = memo(function Said({ content }: { readonly content: string }) {
  return (
    <article className="said" data-testid="message" data-role="user">
      <h2 className="unseen">You</h2>
      <p className="words">{content}</p>
    </article>
  )
})
