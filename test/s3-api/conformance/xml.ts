import { parseXml, type XmlElement } from '@rgrove/parse-xml'

export interface Element {
  name: string
  namespace: string | undefined
  text: string
  children: Element[]
}

/** The root element of a document. Throws if it is not well-formed. */
export function parse(text: string): Element {
  const { root } = parseXml(text)
  if (!root) throw new Error('the document is empty')
  return convert(root)
}

function convert(element: XmlElement): Element {
  return {
    name: element.name,
    namespace: element.attributes['xmlns'],
    text: element.text,
    children: element.children.flatMap((child) =>
      child.type === 'element' ? [convert(child as XmlElement)] : [],
    ),
  }
}

/** The texts of all elements at a path below the root, e.g. `Contents.Key`. */
export function textsAt(root: Element | undefined, path: string): string[] {
  const found = path
    .split('.')
    .reduce<Element[]>(
      (parents, name) => parents.flatMap(({ children }) => children.filter((child) => child.name === name)),
      root ? [root] : [],
    )
  return found.map(({ text }) => text)
}

/** The text of the first element at a path; empty if there is none. */
export function textAt(root: Element | undefined, path: string): string {
  return textsAt(root, path)[0] ?? ''
}

/** Text within a document that a client sends. */
export function escape(text: string): string {
  return text.replace(/[&<>"\r\n]/g, (character) => `&#${character.charCodeAt(0)};`)
}
