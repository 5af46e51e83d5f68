/** Makes an entry the latest of a map. Of one that has `most` already, the oldest is dropped. */
export function setLatest<Value>(map: Map<string, Value>, key: string, value: Value, most: number): void {
  map.delete(key)
  if (map.size >= most) map.delete(map.keys().next().value ?? '')
  map.set(key, value)
}
