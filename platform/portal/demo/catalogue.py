"""What the demo school teaches: topics, courses, chapters and lessons, each in English and Chinese."""

from dataclasses import dataclass


@dataclass(frozen=True)
class DemoTopic:
    """A topic with its courses as (English title, Chinese title) and the words its chapters are made of."""

    code: str
    name: str
    name_zh: str
    courses: tuple[tuple[str, str], ...]
    subjects: tuple[tuple[str, str], ...]


def _pairs(text: str) -> tuple[tuple[str, str], ...]:
    rows = (line.split("|") for line in text.strip().splitlines())
    return tuple((english.strip(), chinese.strip()) for english, chinese in rows)


TOPICS: tuple[DemoTopic, ...] = (
    DemoTopic(
        "languages",
        "Programming languages",
        "编程语言",
        _pairs("""
            Python from the First Line|从第一行开始学 Python
            Python That Scales to a Team|能带团队的 Python 工程实践
            Idiomatic Go|地道的 Go 语言
            Go Concurrency in Practice|Go 并发实战
            Rust Without Fear|无畏 Rust 入门
            Async Rust in Production|生产环境中的异步 Rust
            Modern Java, Calmly|从容学现代 Java
            The JVM From the Inside|深入理解 Java 虚拟机
            TypeScript for Large Codebases|大型项目中的 TypeScript
            JavaScript Engines Explained|图解 JavaScript 引擎
            C++20 in Real Projects|真实项目中的 C++20
            Memory and Pointers in C|C 语言的内存与指针
            Kotlin for Backend Engineers|后端工程师的 Kotlin
            SQL for People Who Build|写给开发者的 SQL
            Functional Thinking with Elixir|用 Elixir 学函数式思维
            Swift for Product Engineers|产品工程师的 Swift
            Regular Expressions, Finally|彻底学会正则表达式
        """),
        _pairs("""
            Types and values|类型与值
            Control flow|控制流
            Errors and how to carry them|错误处理
            Modules and packages|模块与包
            Concurrency|并发
            Memory|内存
            Testing|测试
            Tooling|工具链
        """),
    ),
    DemoTopic(
        "big-data",
        "Big data",
        "大数据",
        _pairs("""
            Spark That Finishes|跑得完的 Spark 作业
            Flink for Streaming Teams|流式团队的 Flink
            Kafka, One Topic at a Time|一步一步学 Kafka
            Designing a Lakehouse|湖仓一体设计
            Iceberg Tables in Depth|深入 Iceberg 表格式
            ClickHouse for Product Analytics|用 ClickHouse 做产品分析
            Airflow Pipelines You Can Sleep Over|让人睡得着的 Airflow 数据管道
            dbt and the Shape of a Warehouse|dbt 与数仓建模
            Data Quality as a Habit|把数据质量变成习惯
            Change Data Capture in Practice|CDC 实战
            Query Plans for Everyone|人人能懂的查询计划
            Hadoop to Cloud, Safely|从 Hadoop 平稳上云
            Real-time Features at Scale|大规模实时特征
            Data Contracts Between Teams|团队之间的数据契约
            Elasticsearch from Index to Answer|Elasticsearch 从索引到结果
            Partitioning and Sharding|分区与分片
            Batch or Stream?|批处理还是流处理
        """),
        _pairs("""
            Where data comes from|数据从哪里来
            Schemas that survive|能活下来的模式
            Windows and watermarks|窗口与水位线
            Shuffles and skew|洗牌与数据倾斜
            Storage formats|存储格式
            Backfills|数据回补
            Cost|成本
            Operations|运维
        """),
    ),
    DemoTopic(
        "cloud",
        "Cloud",
        "云计算",
        _pairs("""
            Kubernetes Without Mystery|不再神秘的 Kubernetes
            Operating Kubernetes at Night|值夜班的 Kubernetes 运维
            Docker for Working Developers|写给开发者的 Docker
            Terraform from Zero to Review|Terraform 从零到评审
            Networking for Cloud Engineers|云工程师的网络课
            Service Meshes, Honestly|实话实说服务网格
            Observability That Answers Questions|能回答问题的可观测性
            OpenTelemetry End to End|OpenTelemetry 全链路
            Serverless, Where It Fits|用对地方的 Serverless
            Cloud Cost Engineering|云成本工程
            Postgres in the Cloud|云上的 PostgreSQL
            Zero-downtime Migrations|不停机迁移
            Incident Response for Small Teams|小团队的故障响应
            Linux for Cloud Engineers|云工程师的 Linux
            Identity and Access in the Cloud|云上的身份与权限
            Multi-region by Design|多地域架构设计
            CI/CD That Stays Fast|一直够快的 CI/CD
        """),
        _pairs("""
            Images and layers|镜像与分层
            Scheduling|调度
            Networks and names|网络与命名
            State and storage|状态与存储
            Rollouts and rollbacks|发布与回滚
            Limits and quotas|限制与配额
            Signals and alerts|信号与告警
            Security|安全
        """),
    ),
    DemoTopic(
        "ai",
        "Artificial intelligence",
        "人工智能",
        _pairs("""
            Machine Learning from First Principles|从第一性原理学机器学习
            Deep Learning with PyTorch|PyTorch 深度学习
            Transformers, Line by Line|逐行读懂 Transformer
            Building with Language Models|大模型应用开发
            Retrieval That Works|真正好用的检索增强
            Fine-tuning on One GPU|一张显卡做微调
            Recommender Systems in Production|推荐系统生产实战
            Computer Vision for Engineers|工程师的计算机视觉
            Speech Recognition Hands-on|动手做语音识别
            Reinforcement Learning, Slowly|慢慢学强化学习
            Agents and Tools|智能体与工具调用
            Evaluating Language Models|大模型评测
            MLOps for Three People|三人团队的 MLOps
            Inference at Low Latency|低延迟推理
            Graph Neural Networks|图神经网络入门
            Responsible AI in Practice|负责任的 AI 实践
            Prompting as Engineering|把提示词当工程
            CUDA for the Curious|给好奇者的 CUDA
        """),
        _pairs("""
            Data before models|先看数据再谈模型
            Losses and gradients|损失与梯度
            Attention|注意力机制
            Overfitting|过拟合
            Evaluation|评估
            Serving|上线服务
            Cost and latency|成本与延迟
            Failure cases|失败案例
        """),
    ),
    DemoTopic(
        "software-engineering",
        "Software engineering",
        "软件工程",
        _pairs("""
            Clean Architecture, Lightly|轻量整洁架构
            Domain-driven Design at Work|工作中的领域驱动设计
            Testing That Pays Off|划算的测试
            Refactoring Legacy Systems|遗留系统重构
            Code Review as Conversation|把代码评审变成对话
            Git Beyond the Basics|Git 进阶
            Distributed Systems Basics|分布式系统基础
            Event-driven Systems|事件驱动系统
            Designing APIs People Keep|让人愿意用下去的 API 设计
            Databases for Backend Engineers|后端工程师的数据库课
            Performance Work, Measured|用数据做性能优化
            Security for Every Developer|每个开发者的安全课
            React in Earnest|认真学 React
            Vue from Idea to Launch|Vue 从想法到上线
            Django for Products|用 Django 做产品
            Spring Boot in Depth|深入 Spring Boot
            Technical Writing for Engineers|工程师的技术写作
            From Senior to Staff|从高级到资深工程师
        """),
        _pairs("""
            The problem behind the ticket|工单背后的问题
            Boundaries|边界
            Naming|命名
            Change without fear|放心地改
            Tests|测试
            Reviews|评审
            Releases|发布
            What remains|留下了什么
        """),
    ),
    DemoTopic(
        "data-science",
        "Data science",
        "数据科学",
        _pairs("""
            Statistics You Will Use|用得上的统计学
            Experiments That Convince|有说服力的实验
            Causal Inference for Products|产品中的因果推断
            Pandas and Polars|Pandas 与 Polars
            Visualising Data Well|把数据画明白
            Forecasting in Business|业务预测
            Bayesian Thinking|贝叶斯思维
            Feature Engineering|特征工程
            Time Series in Practice|时间序列实战
            Natural Language with Python|Python 自然语言处理
            Geospatial Data|地理空间数据
            Metrics That Matter|真正重要的指标
            Storytelling with Numbers|用数字讲故事
            R for Analysts|分析师的 R 语言
            Clustering and Segments|聚类与分群
            Churn and Lifetime Value|流失与生命周期价值
            A/B Testing from Zero|A/B 测试从零开始
        """),
        _pairs("""
            The question|问题
            Samples|样本
            Distributions|分布
            Models|模型
            Uncertainty|不确定性
            Plots|图表
            Pitfalls|常见陷阱
            Decisions|决策
        """),
    ),
    DemoTopic(
        "hardware",
        "Hardware",
        "硬件",
        _pairs("""
            How Computers Really Work|计算机到底怎么工作
            Digital Logic by Building|动手学数字逻辑
            FPGA for Software People|写给软件人的 FPGA
            RISC-V from the Ground Up|从零开始 RISC-V
            Embedded C on STM32|STM32 嵌入式 C
            Embedded Rust|嵌入式 Rust
            Linux Drivers in Practice|Linux 驱动开发实战
            Real-time Operating Systems|实时操作系统
            PCB Design for Beginners|PCB 设计入门
            Sensors and Signals|传感器与信号
            Robotics with ROS 2|ROS 2 机器人开发
            GPU Architecture|GPU 架构
            Power and Batteries|电源与电池
            IoT from Device to Cloud|从设备到云端的物联网
            Debugging with an Oscilloscope|用示波器调试
            Reading Datasheets|读懂数据手册
        """),
        _pairs("""
            Bits and gates|比特与门电路
            Clocks|时钟
            Buses|总线
            Interrupts|中断
            Memory maps|内存映射
            Power|电源
            Bring-up|上电调试
            Measurement|测量
        """),
    ),
)

PREREQUISITES: tuple[tuple[str, str], ...] = (
    ("Python That Scales to a Team", "Python from the First Line"),
    ("Go Concurrency in Practice", "Idiomatic Go"),
    ("Async Rust in Production", "Rust Without Fear"),
    ("The JVM From the Inside", "Modern Java, Calmly"),
    ("JavaScript Engines Explained", "TypeScript for Large Codebases"),
    ("Flink for Streaming Teams", "Kafka, One Topic at a Time"),
    ("Iceberg Tables in Depth", "Designing a Lakehouse"),
    ("Real-time Features at Scale", "Flink for Streaming Teams"),
    ("dbt and the Shape of a Warehouse", "SQL for People Who Build"),
    ("Query Plans for Everyone", "SQL for People Who Build"),
    ("Kubernetes Without Mystery", "Docker for Working Developers"),
    ("Operating Kubernetes at Night", "Kubernetes Without Mystery"),
    ("Service Meshes, Honestly", "Kubernetes Without Mystery"),
    ("OpenTelemetry End to End", "Observability That Answers Questions"),
    ("Machine Learning from First Principles", "Python from the First Line"),
    ("Machine Learning from First Principles", "Statistics You Will Use"),
    ("Deep Learning with PyTorch", "Machine Learning from First Principles"),
    ("Transformers, Line by Line", "Deep Learning with PyTorch"),
    ("Fine-tuning on One GPU", "Transformers, Line by Line"),
    ("Retrieval That Works", "Building with Language Models"),
    ("Agents and Tools", "Building with Language Models"),
    ("Recommender Systems in Production", "Machine Learning from First Principles"),
    ("Graph Neural Networks", "Deep Learning with PyTorch"),
    ("Event-driven Systems", "Distributed Systems Basics"),
    ("Causal Inference for Products", "Experiments That Convince"),
    ("Experiments That Convince", "A/B Testing from Zero"),
    ("A/B Testing from Zero", "Statistics You Will Use"),
    ("Time Series in Practice", "Pandas and Polars"),
    ("Forecasting in Business", "Time Series in Practice"),
    ("FPGA for Software People", "Digital Logic by Building"),
    ("RISC-V from the Ground Up", "How Computers Really Work"),
    ("Embedded Rust", "Rust Without Fear"),
    ("Linux Drivers in Practice", "Embedded C on STM32"),
)
"""(a course, what to finish before it), by English title."""

SECTION_SHAPES: tuple[tuple[str, str], ...] = (
    ("{subject}: the idea", "{subject}：先懂道理"),
    ("{subject} in your hands", "{subject}：动手做"),
    ("{subject} when it goes wrong", "{subject}：出错的时候"),
    ("{subject} at work", "{subject}：用到工作里"),
)
LESSON_SHAPES: tuple[tuple[str, str], ...] = (
    ("What it is and is not", "它是什么，不是什么"),
    ("A small example, in full", "一个完整的小例子"),
    ("The mistake everyone makes", "人人都会犯的错"),
    ("Exercise: build it yourself", "练习：自己做一遍"),
    ("Reading real code", "读真实的代码"),
    ("How to tell that it works", "怎么知道它对了"),
    ("What to remember", "该记住什么"),
)
SUMMARY_SHAPES: tuple[tuple[str, str], ...] = (
    (
        "{first}, {second} and {third}, taught with code that you keep and use on Monday.",
        "从{first}、{second}到{third}，代码都能带走，周一上班就用得上。",
    ),
    (
        "Short lessons, real cases. You start with {first} and end with {third}.",
        "短课时，真案例。从{first}开始，到{third}收尾。",
    ),
    (
        "For people who ship. {first} first, then {second}, and no slide without an example.",
        "写给真正要上线的人。先讲{first}，再讲{second}，每一页都有例子。",
    ),
)
OUTCOME_SHAPES: tuple[tuple[str, str], ...] = (
    ("Explain {subject} to a colleague in five minutes", "五分钟给同事讲清楚{subject}"),
    ("Spot trouble with {subject} before it reaches users", "在用户发现之前看出{subject}的问题"),
    ("Choose the simplest approach to {subject} that works", "为{subject}选出最简单可行的做法"),
    ("Review other people's work on {subject} with confidence", "有把握地评审别人的{subject}"),
)
COMMENTS: tuple[tuple[int, tuple[str, ...], tuple[str, ...]], ...] = (
    (
        5,
        (
            "Clear, short, and every example runs.",
            "No filler. I paused often, only to try things.",
            "The best hour I spent on this.",
        ),
        ("讲得清楚，不啰嗦，每个例子都能跑。", "没有一句废话，我常暂停只为动手试。", "关于这个题目，没听过更明白的。"),
    ),
    (
        5,
        (
            "I used the second chapter at work the next day.",
            "It settled an argument in our team.",
            "We rewrote a service with it.",
        ),
        ("第二章学完，第二天上班就用上了。", "团队里争了半年的事，一节课说清了。", "照着它重写了一个服务，稳了。"),
    ),
    (
        5,
        (
            "The exercises alone are worth the price.",
            "Do the exercises; they are where it clicks.",
            "Small tasks, real answers.",
        ),
        ("光练习就值回票价。", "练习一定要做，做了才真懂。", "题目不大，答案都见真章。"),
    ),
    (
        4,
        (
            "Good pace. I would have liked one more case.",
            "Well told, the sound is a little low.",
            "Good; the slides could be larger.",
        ),
        ("节奏很好，希望再多一个案例。", "讲得好，就是声音有点小。", "不错，幻灯片的字可以再大些。"),
    ),
    (
        4,
        ("Dense, but it stays with you.", "Watch it twice, it pays.", "Not easy, and worth it."),
        ("内容很密，但记得住。", "建议看两遍，值得。", "不轻松，但学得到东西。"),
    ),
    (
        3,
        ("Solid basics, the last part goes too fast.", "Good start, thin at the end.", "Right, but I knew half of it."),
        ("基础扎实，最后一部分有点快。", "开头好，结尾单薄了些。", "都对，只是一半我已经会了。"),
    ),
    (
        2,
        ("Too easy for me, good for beginners.", "I expected more depth."),
        ("对我来说偏浅，适合新手。", "以为会讲得更深一些。"),
    ),
)
