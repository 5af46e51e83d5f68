/** `read_only` and `READ_ONLY` as `readOnly`. */
export function camelCase(name: string): string {
  return name.toLowerCase().replaceAll(/_([a-z\d])/g, (_, letter: string) => letter.toUpperCase())
}

/** `readOnly` as `read_only`. */
export function snakeCase(name: string): string {
  return name.replaceAll(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`)
}
