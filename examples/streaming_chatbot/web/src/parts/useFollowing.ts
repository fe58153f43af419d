import { useCallback, useEffect, useRef, useState } from "react"

/** Distance from the end that counts as the end, in pixels. */
const NEAR = 32

/** Keep the end of growing text in view, until the user scrolls up. Other content starts at its top. */
export function useFollowing(isText: boolean) {
  const frame = useRef<HTMLElement>(null)
  const content = useRef<HTMLDivElement>(null)
  const follows = useRef(true)
  const [isAtEnd, setAtEnd] = useState(true)

  const toEnd = useCallback(() => {
    follows.current = true
    setAtEnd(true)
    frame.current?.scrollTo({ top: frame.current.scrollHeight })
  }, [])

  useEffect(() => {
    const outer = frame.current
    const inner = content.current
    if (!isText || outer === null || inner === null) return
    let last = outer.scrollTop
    const onScroll = () => {
      const left = outer.scrollHeight - outer.clientHeight - outer.scrollTop
      // Scrolling up stops following at once; text that became shorter scrolls up as well, but to the very end
      if (left <= 1) follows.current = true
      else if (outer.scrollTop < last) follows.current = false
      else if (left <= NEAR) follows.current = true
      last = outer.scrollTop
      setAtEnd(follows.current || left <= NEAR)
    }
    const onSize = () => {
      if (follows.current) outer.scrollTop = outer.scrollHeight
      else setAtEnd(outer.scrollHeight - outer.clientHeight - outer.scrollTop <= NEAR)
    }
    const sizes = new ResizeObserver(onSize)
    sizes.observe(inner)
    sizes.observe(outer)
    outer.addEventListener("scroll", onScroll, { passive: true })
    return () => {
      sizes.disconnect()
      outer.removeEventListener("scroll", onScroll)
    }
  }, [isText])

  return { frame, content, isAtEnd: isAtEnd || !isText, toEnd }
}
