/** An element of a document. */
export interface XmlElement {
  name: string
  children: XmlElement[]
  /** All text within it, without tags. */
  text: string
}

const NAME = '[A-Za-z_:][\\w:.-]*'
const SPACE = '[ \\t\\n]'
const VALUE = `${SPACE}*=${SPACE}*(?:"[^<"]*"|'[^<']*')`
const DECLARATION = new RegExp(
  `^<\\?xml(?=${SPACE}+version${SPACE}*=${SPACE}*["']1\\.)(?:${SPACE}+(?:version|encoding|standalone)${VALUE})+${SPACE}*\\?>`,
)
const COMMENT = '<!--(?:-?[^-])*-->'
const INSTRUCTION = `<\\?(?!xml[ \\t\\n?])${NAME}(?:${SPACE}[^]*?)?\\?>`
/** Groups: a start tag's name, attributes and slash, an end tag's name, text, CDATA. */
const TOKEN = new RegExp(
  [
    `<(${NAME})((?:${SPACE}+${NAME}${VALUE})*)${SPACE}*(/?)>`,
    `</(${NAME})${SPACE}*>`,
    '([^<]+)',
    '<!\\[CDATA\\[([^]*?)\\]\\]>',
    COMMENT,
    INSTRUCTION,
  ].join('|'),
  'gy',
)
const ATTRIBUTE = new RegExp(`(${NAME})${VALUE}`, 'g')

const ENTITIES = new Map(Object.entries({ amp: '&', lt: '<', gt: '>', quot: '"', apos: "'" }))

/**
 * The root element of a document as S3's clients and servers write them: XML 1.0 with names in ASCII and without a document
 * type, so that no entities but the five of XML can be expanded. Throws a `SyntaxError` if it is anything else.
 */
export function parseXml(document: string): XmlElement {
  const xml = document.replace(/\r\n?/g, '\n').replace(DECLARATION, '')
  const top: XmlElement = { name: '', children: [], text: '' }
  const parents: XmlElement[] = []
  let current = top
  let end = 0
  for (const [token, opened, attributes, empty, closed, text, cdata] of xml.matchAll(TOKEN)) {
    end += token.length
    if (opened !== undefined) {
      if (attributes) checkAttributes(attributes)
      const element = { name: opened, children: [], text: '' }
      current.children.push(element)
      if (empty) continue
      parents.push(current)
      current = element
    } else if (closed !== undefined) {
      const parent = parents.pop()
      if (!parent || current.name !== closed) throw malformed(`</${closed}>`)
      // The text beside the root is checked where it is found.
      if (parent !== top) parent.text += current.text
      current = parent
    } else if (text !== undefined || cdata !== undefined) {
      if (current === top && (cdata !== undefined || /[^ \t\n]/.test(text ?? ''))) throw malformed('text')
      current.text += cdata ?? decode(text ?? '')
    }
  }
  const [root, second] = top.children
  if (end < xml.length || current !== top || !root || second) throw malformed(xml.slice(end, end + 20))
  return root
}

function checkAttributes(attributes: string): void {
  const found = [...attributes.matchAll(ATTRIBUTE)]
  if (new Set(found.map(([, name]) => name)).size < found.length) throw malformed(attributes)
  decode(attributes)
}

/** Replaces references to characters and entities. */
function decode(text: string): string {
  if (text.includes(']]>')) throw malformed(']]>')
  return text.replace(
    /&(?:#(?:(\d+)|x([\da-fA-F]+))|(\w+));|&/g,
    (reference, decimal, hex, entity: string) => {
      const code = decimal ?? hex
      const character =
        code === undefined
          ? ENTITIES.get(entity)
          : characterOf(Number.parseInt(code, hex === undefined ? 10 : 16))
      if (character === undefined) throw malformed(reference)
      return character
    },
  )
}

/** `undefined` if a document can hold no such character. */
function characterOf(code: number): string | undefined {
  const character = code <= 0x10_ff_ff ? String.fromCodePoint(code) : ''
  return /^[\t\n\r -\ud7ff\ue000-\ufffd\u{10000}-\u{10ffff}]$/u.test(character) ? character : undefined
}

function malformed(what: string): SyntaxError {
  return new SyntaxError(`not the XML of S3: ${what}`)
}
