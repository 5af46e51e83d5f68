import { type XmlElement, parseXml } from '@rgrove/parse-xml'

export type { XmlElement }

// Characters that XML 1.0 cannot represent, and the mark that replaces them. radosgw writes keys into tokens unescaped.
// oxlint-disable-next-line no-control-regex -- control characters are what is looked for
const UNWRITABLE = /[\0-\x08\x0b\x0c\x0e-\x1f\ufffe\uffff\uf8ff]/g
const MARKED = /\uf8ff([0-9a-f]{4})/g

const ESCAPES: Readonly<Record<string, string>> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
  // Parsers turn a bare CR into LF.
  '\r': '&#13;',
}

/** What an element holds: text, or elements by name. Those with a list are repeated, those without content left out. */
export type Content = string | number | boolean | Elements
export interface Elements {
  readonly [name: string]: Content | readonly Content[] | undefined
}

const NAMESPACE = ' xmlns="http://s3.amazonaws.com/doc/2006-03-01/"'

/** A whole document. What XML cannot hold becomes U+FFFD. Errors have no namespace. */
export function document(root: string, content: Content, { namespace = true } = {}): string {
  return `<?xml version="1.0" encoding="UTF-8"?>\n<${root}${namespace ? NAMESPACE : ''}>${inner(content)}</${root}>`
}

function inner(content: Content): string {
  if (typeof content === 'object')
    return Object.entries(content)
      .flatMap(([name, value = []]) => [value].flat().map((one) => `<${name}>${inner(one)}</${name}>`))
      .join('')
  return `${content}`
    .replace(UNWRITABLE, '\ufffd')
    .replace(/[&<>"\r]/g, (character) => ESCAPES[character] ?? character)
}

/** The root element; `undefined` if the text is not well-formed XML. */
export function parseDocument(text: string): XmlElement | undefined {
  try {
    // During a long completion, some servers send blanks before the declaration to keep the connection alive.
    return parseXml(markUnwritable(text.trimStart())).root ?? undefined
  } catch {
    return undefined
  }
}

function markUnwritable(text: string): string {
  return text.replace(
    UNWRITABLE,
    (character) => `\uf8ff${character.charCodeAt(0).toString(16).padStart(4, '0')}`,
  )
}

export function children(parentElement: XmlElement, name: string): XmlElement[] {
  return parentElement.children.filter(
    (node): node is XmlElement => node.type === 'element' && 'name' in node && node.name === name,
  )
}

/** The text of the first child of that name, untrimmed. */
export function childText(parentElement: XmlElement, name: string): string | undefined {
  return children(parentElement, name)[0]?.text.replace(MARKED, (_, code: string) =>
    String.fromCharCode(Number.parseInt(code, 16)),
  )
}
