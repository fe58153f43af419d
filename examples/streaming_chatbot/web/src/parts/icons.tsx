/** The icons. Each is beside text or a label, so screen readers skip them. */
import type { ReactNode } from "react"

function Icon({ children, size = 20 }: { readonly children: ReactNode; readonly size?: number }) {
  return (
    <svg
      width={size}
      height={size}
      viewBox="0 0 20 20"
      fill="none"
      stroke="currentColor"
      strokeWidth="1.6"
      strokeLinecap="round"
      strokeLinejoin="round"
      aria-hidden="true"
      focusable="false"
    >
      {children}
    </svg>
  )
}

export const SendIcon = () => (
  <Icon>
    <path d="M10 15.5v-11M5.2 9.3 10 4.5l4.8 4.8" strokeWidth="1.9" />
  </Icon>
)

export const StopIcon = () => (
  <Icon>
    <rect x="4.8" y="4.8" width="10.4" height="10.4" rx="2.2" fill="currentColor" stroke="none" />
  </Icon>
)

export const DownIcon = () => (
  <Icon size={16}>
    <path d="M10 4.5v11M5.2 10.7l4.8 4.8 4.8-4.8" />
  </Icon>
)

export const NewIcon = () => (
  <Icon>
    <path d="M9.5 4H6a2.5 2.5 0 0 0-2.5 2.5V14A2.5 2.5 0 0 0 6 16.5h7.5A2.5 2.5 0 0 0 16 14v-3.5" />
    <path d="m8.3 11.7.6-2.7 6-6a1.48 1.48 0 0 1 2.1 2.1l-6 6z" />
  </Icon>
)

export const DarkIcon = () => (
  <Icon>
    <path d="M16.5 11.8A7 7 0 0 1 8.2 3.5a7 7 0 1 0 8.3 8.3Z" />
  </Icon>
)

export const LightIcon = () => (
  <Icon>
    <circle cx="10" cy="10" r="3.2" />
    <path d="M10 2.5v1.3M10 16.2v1.3M2.5 10h1.3M16.2 10h1.3M4.7 4.7l.9.9M14.4 14.4l.9.9M4.7 15.3l.9-.9M14.4 5.6l.9-.9" />
  </Icon>
)

export const CopyIcon = () => (
  <Icon size={16}>
    <rect x="7" y="7" width="9.5" height="9.5" rx="2" />
    <path d="M13 7V5.5a2 2 0 0 0-2-2H5.5a2 2 0 0 0-2 2V11a2 2 0 0 0 2 2H7" />
  </Icon>
)

export const DoneIcon = () => (
  <Icon size={16}>
    <path d="m4.5 10.5 3.7 3.7 7.3-8" />
  </Icon>
)

/** The logo: lines of text. */
export const Mark = () => (
  <svg className="mark" width="24" height="24" viewBox="0 0 32 32" aria-hidden="true" focusable="false">
    <rect width="32" height="32" rx="9" className="mark-ground" />
    <path d="M8 11h16M8 16h11M8 21h5" className="mark-lines" />
    <circle cx="17.6" cy="21" r="1.7" className="mark-point" />
  </svg>
)
