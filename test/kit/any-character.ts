import fc from 'fast-check'

const SURROGATES = 0xd800
const AFTER_SURROGATES = 0xe000

/** Any Unicode character, for the `unit` of fast-check's strings: its own unit `binary` takes seconds to build. */
export const anyCharacter = fc
  .integer({ min: 0, max: 0x10ffff - (AFTER_SURROGATES - SURROGATES) })
  .map((code) => String.fromCodePoint(code < SURROGATES ? code : code + AFTER_SURROGATES - SURROGATES))
