"""Names of learners, in English letters and in Chinese."""

SURNAMES: tuple[tuple[str, str], ...] = (
    ("Wang", "王"), ("Li", "李"), ("Zhang", "张"), ("Liu", "刘"), ("Chen", "陈"), ("Yang", "杨"), ("Zhao", "赵"),
    ("Huang", "黄"), ("Zhou", "周"), ("Wu", "吴"), ("Xu", "徐"), ("Sun", "孙"), ("Hu", "胡"), ("Zhu", "朱"),
    ("Gao", "高"), ("Lin", "林"), ("He", "何"), ("Guo", "郭"), ("Ma", "马"), ("Luo", "罗"), ("Liang", "梁"),
    ("Song", "宋"), ("Zheng", "郑"), ("Xie", "谢"), ("Han", "韩"), ("Tang", "唐"), ("Feng", "冯"), ("Yu", "于"),
)  # fmt: skip
GIVEN: tuple[tuple[str, str], ...] = (
    ("Wei", "伟"), ("Fang", "芳"), ("Na", "娜"), ("Min", "敏"), ("Jing", "静"), ("Li", "丽"), ("Qiang", "强"),
    ("Lei", "磊"), ("Jun", "军"), ("Yang", "洋"), ("Yong", "勇"), ("Yan", "艳"), ("Jie", "杰"), ("Juan", "娟"),
    ("Tao", "涛"), ("Ming", "明"), ("Chao", "超"), ("Xiulan", "秀兰"), ("Xia", "霞"), ("Ping", "平"),
    ("Gang", "刚"), ("Yichen", "奕辰"), ("Zihan", "子涵"), ("Yuxuan", "宇轩"), ("Haoran", "浩然"),
    ("Xinyi", "欣怡"), ("Zixuan", "梓萱"), ("Mengyao", "梦瑶"), ("Siqi", "思琪"), ("Jiahao", "嘉豪"),
    ("Tianyu", "天宇"), ("Ruoxi", "若曦"), ("Peng", "鹏"), ("Kai", "凯"), ("Lu", "璐"), ("Bo", "波"),
)  # fmt: skip


def learner_name(index: int) -> tuple[str, str]:
    """The English and Chinese name of the learner with this number; neighbours differ."""
    surname = SURNAMES[index * 7 % len(SURNAMES)]
    given = GIVEN[(index * 11 + index // len(SURNAMES)) % len(GIVEN)]
    return f"{given[0]} {surname[0]}", f"{surname[1]}{given[1]}"
