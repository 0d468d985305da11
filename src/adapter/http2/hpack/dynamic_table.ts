/** The dynamic table of RFC 7541 section 2.3.2, as a ring. @module */

/** What an entry costs beside its octets (RFC 7541 section 4.1). */
export const ENTRY_OVERHEAD = 32;

/** A table of fields, newest first, bounded by the size of its entries. Its strings hold one octet per character. */
export class DynamicTable {
  #names: string[] = new Array(16).fill("");
  #values: string[] = new Array(16).fill("");
  #mask = 15;
  #maxSize: number;
  #size = 0;
  #length = 0;
  #inserted = 0;

  constructor(maxSize: number) {
    this.#maxSize = maxSize;
  }

  get maxSize(): number {
    return this.#maxSize;
  }
  get size(): number {
    return this.#size;
  }
  /** Live entries. */
  get length(): number {
    return this.#length;
  }
  /** Entries ever inserted: the newest has this number, the oldest `inserted - length + 1`. */
  get inserted(): number {
    return this.#inserted;
  }

  /** Name of the `age`-th entry, 0 the newest; the caller has checked `age < length`. */
  nameAt(age: number): string {
    return this.#names[(this.#inserted - age) & this.#mask]!;
  }
  valueAt(age: number): string {
    return this.#values[(this.#inserted - age) & this.#mask]!;
  }

  /** Inserts, after evicting what stands in the way. One that is larger than the table empties it (RFC 7541 section 4.4). */
  insert(name: string, value: string): void {
    const size = name.length + value.length + ENTRY_OVERHEAD;
    this.evictTo(this.#maxSize - size);
    if (size > this.#maxSize) return;
    if (this.#length > this.#mask) this.#grow();
    const at = ++this.#inserted & this.#mask;
    this.#names[at] = name;
    this.#values[at] = value;
    this.#length++;
    this.#size += size;
  }

  /** Changes the limit, evicting as needed (RFC 7541 section 4.3). */
  resize(maxSize: number): void {
    this.#maxSize = maxSize;
    this.evictTo(maxSize);
  }

  /** Evicts, oldest first, until the size is at most `size`, or nothing is left. */
  evictTo(size: number): void {
    while (this.#size > size && this.#length > 0) {
      const at = (this.#inserted - this.#length + 1) & this.#mask;
      const name = this.#names[at]!;
      const value = this.#values[at]!;
      this.#names[at] = this.#values[at] = "";
      this.#size -= name.length + value.length + ENTRY_OVERHEAD;
      this.evicted(name, value, this.#inserted - this.#length + 1);
      this.#length--;
    }
  }

  /** Told of each evicted entry with its number, for an index over the table. */
  protected evicted(_name: string, _value: string, _number: number): void {}

  #grow(): void {
    const mask = this.#mask * 2 + 1;
    const names: string[] = new Array(mask + 1).fill("");
    const values: string[] = new Array(mask + 1).fill("");
    for (let age = 0; age < this.#length; age++) {
      names[(this.#inserted - age) & mask] = this.nameAt(age);
      values[(this.#inserted - age) & mask] = this.valueAt(age);
    }
    this.#names = names;
    this.#values = values;
    this.#mask = mask;
  }
}
