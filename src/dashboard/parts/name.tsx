import type { VNode } from 'preact'

// Characters that change or hide what a name looks like: controls, and those of bidirectional text (CVE-2023-33955).
// oxlint-disable-next-line no-control-regex -- control characters are what is looked for
const HIDDEN = /[\0-\x1f\x7f-\x9f\u061c\u200b\u200e\u200f\u2028\u2029\u202a-\u202e\u2060\u2066-\u2069\ufeff]/

const LABELS: Readonly<Record<string, string>> = {
  '\u200e': 'LRM',
  '\u200f': 'RLM',
  '\u202a': 'LRE',
  '\u202b': 'RLE',
  '\u202c': 'PDF',
  '\u202d': 'LRO',
  '\u202e': 'RLO',
  '\u2066': 'LRI',
  '\u2067': 'RLI',
  '\u2068': 'FSI',
  '\u2069': 'PDI',
}

interface Props {
  name: string
  /** Shows only this many characters, the end among them. Default: all. */
  max?: number
}

/** The only place that draws a name: always text, isolated from the text around it, with hidden characters made visible. */
export function Name({ name, max = Infinity }: Props) {
  return (
    <bdi class="name" dir="auto" title={name.length > max ? visible(name) : undefined}>
      {shorten(name, max)
        .flatMap((part, index) => (index === 0 ? [part] : ['…', part]))
        .map(tokens)}
    </bdi>
  )
}

/** The name in plain text, e.g. for a title or a message. */
export function visible(name: string): string {
  return Array.from(name)
    .map((character) => (HIDDEN.test(character) ? token(character) : character))
    .join('')
}

function token(character: string): string {
  const code = character.codePointAt(0) ?? 0
  return `⟨${LABELS[character] ?? `U+${code.toString(16).toUpperCase().padStart(4, '0')}`}⟩`
}

function tokens(text: string): (string | VNode)[] | string {
  if (!HIDDEN.test(text)) return text
  return Array.from(text).map((character, index) =>
    HIDDEN.test(character) ? (
      <span class="name-token" key={index}>
        {token(character)}
      </span>
    ) : (
      character
    ),
  )
}

const END = 16

/** Cuts in the middle, so that the extension stays. */
function shorten(name: string, max: number): string[] {
  const characters = Array.from(name)
  if (characters.length <= max) return [name]
  return [characters.slice(0, Math.max(1, max - END - 1)).join(''), characters.slice(-END).join('')]
}

/** The last segment of a name or prefix, with the slash of a prefix. */
export function lastSegment(path: string): string {
  return path.slice(path.replace(/\/$/, '').lastIndexOf('/') + 1)
}
